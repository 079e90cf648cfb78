"""Planted texts of an invented patient: what stands in braces must go, every word outside them must stay."""

from app.deid.identifiers import Identifiers, harvest

HEADERS = (
    (0x00100010, "PN", "Schwarzenberg-Jones^Anna Maria^L^Dr^MD"),
    (0x00101005, "PN", "Núñez^Anna"),
    (0x00101001, "PN", "山田^花子=ヤマダ^ハナコ"),
    (0x00080090, "PN", "Müller^Jürgen"),
    (0x00081070, "PN", "Long^Peter"),
    (0x00081050, "PN", "O'Brien^Kevin"),
    (0x00081060, "PN", "WU^LI"),
    (0x00080090, "PN", "van der Berg^Thijs"),
    (0x0040A075, "PN", "Best^George"),
    (0x00100020, "LO", "MRN-0012345"),
    (0x00101000, "LO", "77-88-991\\AB12399"),
    (0x00080050, "SH", "ACC2020771"),
    (0x00200010, "SH", "1"),
    (0x00402016, "LO", "PL-556677"),
    (0x00101040, "LO", "4711 Birkenhain Street, Springfield, IL 62704"),
    (0x00102154, "SH", "617-555-0199"),
    (0x00080080, "LO", "Massachusetts General Hospital"),
    (0x00081040, "LO", "Department of Radiology"),
    (0x00100030, "DA", "19440212"),
)
IDENTIFIERS: Identifiers = harvest(HEADERS)

#: Names in every spelling.
NAMES = """
CT chest of {Anna Schwarzenberg}
CT chest of {ANNA MARIA SCHWARZENBERG-JONES}
{Schwarzenberg-Jones, Anna}: MR brain
{SCHWARZENBERG-JONES^ANNA MARIA^L} head
{Schwarzenberg}, {A}. thorax
{A. Schwarzenberg} abdomen
{A.M. Schwarzenberg} abdomen
{Jones}Lung
{jones}_ptv1
PTV_{JONES}
PTV_{Jones}_60Gy
Lung{JONES}_L
Brain {jones}
{ajones} plan
{JONESA} boost
{jonesam} boost
{SCHWARZENBERG}_CT1
{schwarzenb} GTV
Liver_{Schwarzen}
{SchwarzenbergJones} Kidney
{annamaria} heart
{anna's} lungs
{ANNA'S} lungs
{Jones'} MRI
patient {Nunez} supine
patient {Núñez} supine
patient {NUÑEZ} prone
{núñez} left breast
{山田花子} 胸部CT
{山田} 頭部
{ヤマダ} chest
{ﾔﾏﾀﾞ} chest
referred by {Müller}
referred by {Mueller}
referred by {MUELLER}
referred by {Muller}
referred by {Dr. Müller}
referred by {Dr. Jürgen Müller}
{Juergen} reviewed the scan
{Jurgen} reviewed the scan
{Mr. Long} scanned
{Long, Peter}
{LONG^PETER}
{Peter Long} reviewed
{P. Long} reviewed
{P Long} reviewed
{Long, P}.
{Dr. Long} was present
Operator: {Long}
Technologist = {LONG}
Name: {Long}
{O'Brien} pelvis
{OBrien} pelvis
{O’Brien} pelvis
{obrien} pelvis
{Kevin O'Brien} pelvis
{Wu} contrast protocol
{LI WU} contrast protocol
{WuLi} contrast
{van der Berg} knee
{Thijs van der Berg} knee
{Berg} knee
{George Best} read it
{Best, George} read it
{Dr. Best} read it
{BEST^GEORGE} read it
{Best, G.} read it
"""
#: What anyone is known by.
FORMS = """
Contact {j.doe@example.org} for the data
{anna_jones+x@mail.hospital.co.uk}
See {https://pacs.example.org/study?id=12} for images
See {www.example.com/a/b} for images
hosted on {pacs.hospital.edu}
Call {617-555-0199}
Call {6175550199}
Call {(617) 555-0199}
Call {617.555.0199}
Call {+1 617 555 0199}
Phone: {415-555-2671}
phone {555-2671}
Tel. {030 1234567}
Tel: {+49 89 1234-5678}
fax {(212) 555-7788}
pager {55512}
{1-800-555-1234}
ext. {4412}
MRN: {12345}
{MRN 0012345}
MRN {5512345}
MRN#{998877}
mrn={4455667}
ID {MRN-0012345}
ID {mrn0012345}
ID {MRN 0012345}
number {0012345}
number {12345}
Scan_{12345}_T1
{77-88-991} protocol
{7788991} protocol
{77 88 991} protocol
{AB12399} lungs
{ab-12399} lungs
{ACC2020771} thorax
{acc2020771}_series3
Accession {ACC-2020771}
Accession number: {X9938812}
Accession: {X9938812}
order {PL556677}
Order no. {88-1234}
Patient ID: {ZZ-4711}
PatientID={4711001}
Pat ID {8812345}
SSN {123-45-6789}
{123-45-6789}
Medical Record Number {445566}
Case #{20-1234}
account: {99112233}
Passport {C01X00T47}
Insurance number {A123456789}
lives at {12 Elm Street, Apt 4, Boston, MA 02115}
lives at {4711 Birkenhain Street}
{Birkenhain} scan
from {Springfield}
{Springfield, IL 62704}
zip {62704}
{123 Oak Ave}
{77 N. Highland Blvd}
{PO Box 1234}
{Hauptstraße 12}
{Rosenweg 7}
{12 rue Victor Hugo}
{MGH} scanner 3
{Massachusetts General Hospital} brain protocol
{MASSACHUSETTS GENERAL HOSPITAL} brain
{massachusetts} brain protocol
{Massachusetts_General_Hospital}
Referring physician: {Wagner}
Dictated by {Helen Fischer}
seen by {Dr. Petrov} today
{Mrs. Castellano} lying
{Prof. Yamamoto} asked
dob {440212} MR
DOB: {03/04/1951} MR
signed: {A. Wagner}
Performed by: {K. Bauer}
Name={Jane Doe}
PatientName: {Jane}
{Mrs. Jane A. Doe-Miller} was scanned
IP: {192.168.1.12}
ssn {123 45 6789}
Unit No {55-44-33}
{0016175550199}
{+44 20 7946 0958}
C:/data/{ANNA_JONES}/{0012345}/img
UID {1.2.840.113619.2.55.3.2831178355.123}
{2.25.329800735698586629295641978511506172918} key
see {1.3.6.1.4.1.14519.5.2.1.7009.9004.1}
"""
#: Dates in the forms people and machines write.
DATES = """
{20200131}
scan {2020-01-31}
scan {2020/01/31}
scan {2020.01.31}
scan {2020_01_31}
scan {2020-1-31}
scan {31.01.2020} liver
scan {31.1.2020} liver
scan {31/01/2020} liver
scan {1/31/2020} liver
scan {01/31/2020} liver
scan {01-31-2020} liver
scan {31-01-2020} liver
scan {1/31/20} liver
scan {31.01.20} liver
scan {01-31-20} liver
scan {31. 01. 2020} liver
{31-Jan-2020}
{31 Jan 2020} 10:15
{31JAN2020}
{31-JAN-20}
{Jan 31, 2020} 10:15:30
{January 31, 2020}
{JANUARY 31 2020}
{Jan. 31, 2020}
{Jan 31st, 2020}
{31st of January 2020}
{31 January}
{January 31}
{January 2020} baseline
{Jan-2020} baseline
{2020-Jan-31}
{2020 January 31}
{Fri Jan 31 10:11:12 2020}
{Friday, January 31, 2020}
{31. Januar 2020}
{31 janvier 2020}
{31 de enero de 2020}
{31 gennaio 2020}
{3. März 2020}
{01/2020} prior
{2020-01} prior
{2020-01-31}T10:11:12
{20200131}_CT
CT_{20200131}
on {20200131} and {20200215}
follow-up {12-Feb-1944}
{Mar 3, 2020} chest
{may 5, 2020} chest
{5 May 2020} chest
{Sept 5, 2020} chest
{Dec 25} chest
"""
#: Ages over 89: the number goes.
AGES = """
age {92}
Age: {95}
aged {101}
{92} y/o female
{92}-year-old man
{93} years old
{94} yrs
{91} yo male
{095}Y
age {095Y}
"""
#: Nothing of these may change.
KEPT = """
CT CHEST W/O CONTRAST
MR BRAIN LONG TR
MR LONG BONE
MR. study of the head
DR CHEST AP
long bones
Long axis view
best phase
best systolic phase 40%
Best
BEST DIASTOLE 75 %
Head First Supine
HEAD_NECK^HN_ROUTINE
sternum and stern
Thorax 5.0 B30f
Ax T2 FLAIR FS 5mm
120 kV 200 mAs
512x512
512 512 1024
0.9765625\\0.9765625
1.5T
3T MRI
T1 MPRAGE 1.0mm iso
t1_mprage_sag_p2_iso_1.0
ep2d_diff_b0_500_1000
b 0 50 400 800
DERIVED\\PRIMARY\\AXIAL
syngo MR E11
syngo CT 2012B
syngo.via 3.0.1
Version 1.2.3.4
v12.10.08
SW 11.02.10
SIEMENS SOMATOM Definition AS+
GE MEDICAL SYSTEMS
Philips Ingenia 3.0T
ACR phantom
Catphan 600
Water phantom 20cm
18F-FDG 370 MBq
FDG 5.2 mCi 60 min p.i.
60 Gy in 30 fx
2 Gy x 30
PTV_60Gy
CTV_50.4
GTV boost 66
Lung_L
SpinalCord+5mm
Omnipaque 300 100 ml
Gd-DTPA 0.1 mmol/kg
65 year old
age 45
045Y
Age 012M
age 95 days
90 degrees
95 %
90 min
100 years of radiology
series 12 of 20
image 3/120
1/2 dose
1:10 dilution
10:15:30
TE 90 TR 2000
TR/TE 2000/90
TI 2500 ms
2019
winter of 2019
MAR recon
MAR 3
O-MAR metal artefact
SEP 2
may be artefact
March fracture
march 5 km
the liver may show
Mark the lesion
2 mm ST
3 ST elevation
5 CT series
2D TOF MRA
CHEST PA AND LATERAL
3 phase liver
WB PET/CT
ISO_IR 100
1.2.840.10008.1.2.1
1.2.840.10008.5.1.4.1.1.2
dose@5mm
120kV@200mAs
window 400 level 40
W:400 L:40
Department of Radiology
Radiology
male 70 kg 175 cm
smoker 20 pack years
BI-RADS 4
TNM T2N0M0
Gleason 3+4=7
PSA 4.5 ng/ml
HU -1000
matrix 320 256
8/10/15 mm
5/10/15 b-values
T1 10/20/30 deg
version 2015.3.4
EPI 2020.1.1
O2 sat 95% age 45
Study ID 88123
see 10.1000/182
kVp 80/100/120
FOV 240x240
8 channel head coil
HeadNeck_20
16 slices
left upper lobe nodule 8 x 6 mm
patient breathing
patient supine
young adult protocol
white matter
brown fat
black blood
Anastomosis
annotation
jonesboro
"""


def rows(texts: str) -> list[str]:
    """The texts of a table."""
    return [line for line in texts.splitlines() if line]
