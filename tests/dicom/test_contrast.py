"""Verdicts on what technologists write, and which text of a header is believed."""

import pytest
from pydicom.dataset import Dataset

from syda.dicom.contrast import contrast, contrast_of_text

GIVEN = (
    # phases
    "Abd portal venous 1.5|ABD_PORTAL_VENOUS|arterial|delayed 5min|Abdomen nephrographic|PV 5mm"
    "|ART 1.0|ART1.0|NEPHRO|LATE ARTERIAL|ABD PVP 3.0|HAP 2.5|VEN PHASE|venous|CORTICOMEDULLARY"
    "|EXCRETORY|CT UROGRAM|CTU|UROGRAPHY|Delay 10 MIN|EQUILIBRIUM|PORTO-VENOUS|TRIPHASIC LIVER"
    "|MULTIPHASE|pancreatic phase|parenchymal phase|late phase|Hepatic phase|PORTAL"
    # words for contrast
    "|THORAX C+|CT abdomen +C|with contrast|post contrast|ABD W/C 5.0|WITH CON|W CONTRAST|W/ CON"
    "|W/CONTRAST|ABD PEL W|CT ABD W/ 5.0|CONTRAST|POSTCONTRAST|POST CON|POST IV|ABD POST 3.0"
    "|ENHANCED|CE-CT ABD|CECT|CONTRAST ENHANCED|IV CONTRAST|+IV|IV+|W IV|ABD C(+)|+ contrast"
    "|ORAL CONTRAST|WITH ORAL AND IV CONTRAST|ABD CON 5.0|W+C|ABD/PEL WITH|abd w cont"
    # examinations and injections
    "|CTA Abd|CT ANGIO|Angiographie|CTPA|PERFUSION|TEST BOLUS|BOLUS TRACKING"
    # agents
    "|OMNIPAQUE|Omnipaque 350|VISIPAQUE|ISOVUE 370|ULTRAVIST|OPTIRAY|IOMERON 400|XENETIX|IOHEXOL"
    "|IOPAMIDOL|IODIXANOL|IOPROMIDE|IMERON|GASTROGRAFIN"
    # both, read as with
    "|W/WO CONTRAST|WO/W|W/O & W|WWO|with and without contrast|WITHOUT/WITH"
    "|native, then portovenous|C-/C+|C+/-|con y sin contraste|mit und ohne KM|ohne und mit KM"
    "|sans et avec injection|con e senza mdc|sem e com contraste|without then with contrast|VNC"
    "|VIRTUAL NON CONTRAST"
    # other languages
    "|ABD MIT KM|Abdomen portalvenös|portalvenoes|Spätphase|arteriell|venös 3.0|nach KM|KM+|i.v. KM"
    "|avec injection|injecté|ABDO INJ|après injection|temps portal|temps tardif|veineux|artériel"
    "|con contraste|con CIV|C/C|c/ contraste|fase portal|fase arterial|fase tardía|com contraste"
    "|con mdc|c/mdc|fase arteriosa|venosa|portale|met contrast|portaal|veneus|med kontrast|venfas"
    "|z kontrastem|kontrastlı|с контрастом|артериальная фаза|增强|动脉期|造影"
)
DENIED = (
    "non-contrast|NONCONTRAST|noncontrast|Abdomen w/o contrast|ABD WO|without IV contrast|native"
    "|Abdomen nativ 5.0|unenhanced|non enhanced|pre-contrast|ABD C-|no contrast|NCCT|ohne KM"
    "|W/O CONTRAST|W/O|W/O CON|WO CON|WITHOUT CON|noncon|NON CON|NON-CON 5.0|NONC|NC 5.0|NECT"
    "|NO CON|NO C|NO IV|W/O C|W/O IV|WOC|PRE CON|PRECONTRAST|PRE 5.0|ABD PRE|PRE-C|PLAIN|UNENH"
    "|NON ENH|NONENHANCED|C(-)|IV-|-C|TRUE NON CONTRAST|TNC|WITHOUT ORAL OR IV CONTRAST|WITHOUT"
    "|sans injection|sans contraste|non injecté|SANS INJ|avant injection|sans IV|SPC|sans PDC"
    "|ohne Kontrastmittel|o. KM|KM-|vor KM|nativ|Nativphase|ohne iv KM"
    "|sin contraste|S/C|s/ contraste|sin CIV|TAC SIMPLE|sem contraste|senza mdc|s/mdc|smdc|basale"
    "|zonder contrast|blanco|utan kontrast|uden kontrast|bez kontrastu|nativně|kontrastsız"
    "|без контраста|нативная|平扫|単純"
)
UNKNOWN = (
    "|CT CH/AB/PEL|PET-CT SERIES|C-SPINE 2.0|Abd 5 cm|ARTIFACT|ARTEFACT REDUCTION|PARTIAL|CONTROL"
    "|PVC|CONSOLE|PORTABLE|PORT PLACEMENT|KONTROLLE|contrôle|CONTINUOUS|CONE BEAM|NEPHROLITHIASIS"
    "|NEPHROSTOMY|STONE PROTOCOL|KUB|LOW DOSE|RECON 2|POST OP|POST BIOPSY|POSTOPERATIVE|PRE OP"
    "|PREMEDICATED|POSTERIOR|VENT SETTINGS|VENTRICLE|ARTHRITIS|ARTERIOSCLEROSIS|HEAD W C-SPINE"
    "|CT W SPINE|EDGE ENHANCED|CT GUIDED INJECTION|THIN|ABDOMEN 1.0 B30f|AX 3MM|Body 5.0 CE"
    "|STAGE IV|PEL NAVEL|CONVERTED|WOUND|WOMAN|WHOLE BODY|NCC|SCOUT|CARTILAGE|HEARTBEAT|OPVEN"
    "|INTERNATIVE|EXPLAIN|NOTE|1|con reconstruccion MPR|Nationality|TRAUMA|LUNG ALGO|SOFT C1"
)


@pytest.mark.parametrize(
    ("texts", "expected"), [(GIVEN, True), (DENIED, False), (UNKNOWN, None)], ids=str
)
def test_a_text_states_or_denies_contrast_or_neither(texts, expected):
    found = {text: contrast_of_text(text) for text in texts.split("|")}
    assert {text: verdict for text, verdict in found.items() if verdict is not expected} == {}


def test_the_table_is_long_and_says_nothing_twice():
    texts = f"{GIVEN}|{DENIED}|{UNKNOWN}".split("|")
    assert len(texts) >= 150
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, None),
        ({"ContrastBolusAgent": "", "ContrastBolusRoute": ""}, None),
        ({"ContrastBolusAgent": "GASTRO & OMNI"}, True),
        ({"ContrastBolusAgent": "APPLIED"}, True),
        ({"ContrastBolusAgent": "NONE"}, False),
        ({"ContrastBolusAgent": "w/o"}, False),
        ({"ContrastBolusAgent": "No contrast given"}, False),
        ({"ContrastBolusRoute": "IV"}, True),
        ({"ContrastBolusVolume": "100"}, True),
        ({"ContrastFlowRate": ["3.5", "2"]}, True),
        ({"ContrastBolusTotalDose": "80"}, True),
        ({"ContrastBolusVolume": "0", "ContrastFlowRate": ["0", "0"]}, None),
        ({"ContrastBolusVolume": "unknown"}, None),
        # the text of the series itself is believed first
        ({"ContrastBolusAgent": "NONE", "SeriesDescription": "portal venous"}, True),
        ({"ContrastBolusAgent": "OMNIPAQUE", "SeriesDescription": "noncontrast"}, False),
        ({"ContrastBolusRoute": "IV", "SeriesDescription": "native"}, False),
        ({"ContrastBolusVolume": "100", "SeriesDescription": "ABD 5.0"}, True),
        # then the tags, then the protocol and the study
        ({"ContrastBolusAgent": "OMNIPAQUE", "ProtocolName": "ABD NATIVE"}, True),
        ({"ContrastBolusAgent": "NONE", "ProtocolName": "ABD PORTAL VENOUS"}, True),
        ({"ProtocolName": "ABD W/O"}, False),
        ({"ProtocolName": "ABD W/O", "StudyDescription": "CT ABD W CONTRAST"}, False),
        ({"StudyDescription": "CT CH/ABD/PEL W/ CONTRAST"}, True),
        ({"StudyDescription": "CT ABDOMEN WITHOUT CONTRAST"}, False),
        ({"StudyDescription": "CT ABD W/WO", "SeriesDescription": "ABD W/O"}, False),
    ],
    ids=str,
)
def test_the_texts_and_tags_of_a_header_in_order(tags, expected):
    ds = Dataset()
    for keyword, value in tags.items():
        ds.add_new(keyword, "LO", value)
    assert contrast(ds) is expected


@pytest.mark.parametrize(("meanings", "expected"), [(["Iohexol"], True), (["None"], False)])
def test_the_sequence_of_agents(meanings, expected):
    ds = Dataset()
    ds.ContrastBolusAgentSequence = [Dataset() for _ in meanings]
    for item, meaning in zip(ds.ContrastBolusAgentSequence, meanings, strict=True):
        item.CodeMeaning = meaning
    assert contrast(ds) is expected
