"""Persons, places and numbers of the King James Bible, sorted so that an exchange between two of them makes a statement false.

Two names may be exchanged when they stand in the same table and share no circle: nobody of another age can have done the
same deed in the same company, no town of another country is on the same road, and no two names of one person or place meet.
Names of peoples (Israel, Judah, the tribes) and titles (Pharaoh, Caesar) are left out, and so is Jesus: the text says too much
about them.
"""

Table = dict[str, frozenset[str]]
"""Names of one kind, each with the circles that it belongs to: an age, a company, a country."""


def _table(**circles: str) -> Table:
    table: Table = {}
    for circle, names in circles.items():
        for name in names.split():
            table[name] = table.get(name, frozenset()) | {circle}
    return table


MEN = _table(
    patriarchs="Adam Cain Abel Seth Enoch Methuselah Noah Shem Terah Nahor Abram Abraham Isaac Esau Laban Lot Ishmael Bethuel "
    "Potiphar Melchizedek Hamor Eliphaz",
    exodus="Moses Aaron Joshua Caleb Eleazar Ithamar Korah Dathan Abiram Balaam Balak Jethro Bezaleel Aholiab Sihon Og "
    "Zelophehad Achan Hur",
    judges="Othniel Ehud Barak Sisera Gideon Jephthah Samson Manoah Boaz Elkanah Eli Samuel Gaal Zebul Zebah Zalmunna Jotham",
    united="Samuel Saul David Jonathan Joab Abner Absalom Amnon Adonijah Nathan Zadok Abiathar Abishai Asahel Amasa Ahithophel "
    "Hushai Uriah Nabal Achish Goliath Ish-bosheth Mephibosheth Ziba Shimei Barzillai Solomon Hiram Ittai Ahimelech Jesse Doeg "
    "Benaiah Obed-edom Elihu Eleazar Rehoboam Jeroboam",
    kings="Rehoboam Jeroboam Asa Baasha Omri Ahab Jehoshaphat Elijah Elisha Gehazi Naaman Ben-hadad Hazael Jehu Joash Jehoash "
    "Jehoiada Amaziah Ahaz Hezekiah Sennacherib Rab-shakeh Josiah Hilkiah Naboth Micaiah Pekah Rezin Isaiah Jotham",
    exile="Jeremiah Baruch Zedekiah Jehoiakim Gedaliah Nebuchadnezzar Nebuchadrezzar Daniel Belshazzar Darius Cyrus Ezra "
    "Nehemiah Zerubbabel Sanballat Tobiah Mordecai Haman Ahasuerus Artaxerxes Haggai Shadrach Meshach Abed-nego Ishmael Johanan "
    "Hilkiah Jonathan Zadok",
    job="Job Eliphaz Bildad Zophar Elihu",
    apostles="Peter Simon Andrew Philip Thomas Matthew Pilate Herod Caiaphas Barabbas Lazarus Nicodemus Zacharias Zacchæus Judas "
    "John James Saul Paul Silas Barnabas Timotheus Titus Apollos Stephen Cornelius Ananias Festus Felix Agrippa Aquila",
)
WOMEN = _table(
    patriarchs="Eve Sarai Sarah Hagar Rebekah Rachel Leah Dinah Bilhah Zilpah",
    exodus="Miriam Zipporah Rahab",
    judges="Deborah Jael Delilah Ruth Naomi Orpah Hannah Peninnah",
    united="Michal Abigail Bath-sheba Merab",
    kings="Jezebel Athaliah Huldah",
    exile="Esther Vashti Zeresh",
    apostles="Mary Martha Elisabeth Herodias Anna Priscilla Lydia Dorcas Sapphira Bernice",
)
TOWNS = _table(
    judah="Hebron Beth-lehem Beer-sheba Lachish Libnah Debir Keilah Ziklag Makkedah Adullam Tekoa Kirjath-jearim Beth-shemesh",
    benjamin="Jericho Ai Gibeon Gibeah Ramah Beth-el Gilgal Mizpeh Mizpah Michmash Geba Anathoth Nob Kirjath-jearim",
    north="Shechem Shiloh Samaria Jezreel Megiddo Hazor Tirzah Dothan Taanach Beth-shemesh Beth-el Ramah Gilgal",
    philistia="Gaza Gath Ashdod Ekron Ashkelon Gerar Ziklag",
    phoenicia="Tyre Tyrus Zidon Sidon Damascus Hamath Zarephath Riblah",
    jordan="Heshbon Dibon Aroer Rabbah Ramoth-gilead Jabesh-gilead Mahanaim Succoth Penuel Jazer Bozrah Mizpeh Mizpah Sodom "
    "Gomorrah Zoar",
    east="Babylon Nineveh Shushan Haran Ur",
    new="Nazareth Capernaum Bethany Bethsaida Cana Emmaus Antioch Ephesus Corinth Philippi Thessalonica Rome Tarsus Joppa Lystra "
    "Iconium Derbe Cæsarea Athens Miletus Troas Berea Samaria Damascus Tyre Sidon Gaza Babylon",
)
LANDS = _table(
    south="Egypt Ethiopia Goshen Arabia",
    neighbours="Moab Edom Midian Ammon Gilead Bashan Arabia Canaan Syria",
    east="Syria Assyria Media Persia Elam",
    overseas="Tarshish Ophir",
    new="Galilee Judæa Judaea Asia Macedonia Achaia Galatia Cilicia Pamphylia Phrygia Cyprus Crete Syria Arabia",
)
MOUNTAINS = _table(
    sinai="Sinai Horeb", east="Nebo Hermon Gilead", north="Lebanon Hermon", middle="Gerizim Ebal", valley="Tabor Gilboa Carmel"
)
RIVERS = _table(a="Jordan", b="Euphrates", c="Kishon", d="Arnon", e="Jabbok", f="Kidron")


def _numbers(words: str) -> Table:
    return {word: frozenset({word}) for word in words.split()}


UNITS = _numbers("two three four five six seven eight nine")
TEENS = _numbers("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
TENS = _numbers("twenty thirty forty fifty sixty seventy eighty ninety")
ORDINALS = _numbers("second third fourth fifth sixth seventh eighth ninth tenth")

PERSONS, PLACES, NUMBERS = (MEN, WOMEN), (TOWNS, LANDS, MOUNTAINS, RIVERS), (UNITS, TEENS, TENS, ORDINALS)
