#include "verify/challenge_words.h"

namespace assay {
namespace {

constexpr GrammarRule kRules[] = {
    {"adjective",
     "able|ancient|angry|bitter|black|bold|brave|bright|brittle|broad|broken|calm|careful|cheap|"
     "clean|clear|clever|cold|common|cruel|curious|damp|dark|deep|delicate|distant|dry|dull|dusty|"
     "early|empty|even|faint|false|famous|fertile|fierce|firm|flat|foreign|formal|fragile|free|"
     "fresh|full|gentle|golden|grand|grave|gray|great|green|hard|harmless|heavy|hidden|hollow|hot|"
     "huge|humble|idle|important|inner|keen|large|late|lazy|light|liquid|lively|local|lonely|long|"
     "loose|loud|low|mild|modern|narrow|native|natural|neat|new|noble|noisy|obscure|odd|old|open|"
     "ordinary|outer|pale|patient|plain|pleasant|polite|poor|precious|private|proud|public|pure|"
     "quick|quiet|rapid|rare|red|remote|rich|rigid|ripe|rough|round|sacred|sad|safe|salty|secret|"
     "severe|shallow|sharp|short|shy|silent|silver|simple|slender|slow|small|smooth|soft|solid|"
     "solitary|sour|square|stable|steep|stiff|strange|strict|strong|sudden|sweet|swift|tall|tame|"
     "tender|thick|thin|tiny|tough|true|upper|vast|violent|visible|warm|weak|wet|white|wide|wild|"
     "wise|wooden|yellow|young"},
    {"adverb",
     "again|alone|boldly|briefly|carefully|cheerfully|early|easily|eagerly|firmly|gently|gladly|"
     "heavily|kindly|lately|loudly|neatly|often|openly|patiently|plainly|politely|proudly|quickly|"
     "quietly|rarely|readily|roughly|sadly|seldom|silently|slowly|softly|soon|steadily|suddenly|"
     "swiftly|twice|warmly|wisely"},
    {"animal",
     "ant|badger|bear|beaver|bee|bird|bull|butterfly|camel|cat|cow|crab|crane|crow|deer|dog|donkey|"
     "duck|eagle|elephant|falcon|fish|fox|frog|goat|goose|hare|hawk|hen|heron|horse|lamb|lion|"
     "lizard|mole|monkey|moth|mouse|mule|otter|owl|ox|pig|pigeon|rabbit|rat|raven|salmon|seal|"
     "sheep|snail|snake|spider|squirrel|swan|tiger|toad|trout|turtle|whale|wolf|worm"},
    {"arithmetic",
     "$(#2) + $(#2) =|$(#3) + $(#3) =|$(#3) - $(#2) =|$(#2) * $(#2) =|$(#4) / $(#1) =|"
     "$(name) has $(#2) $(plural) and gives $(#1) of them to $(name). Then there are|"
     "If one $(noun) costs $(#2) coins, then $(#2) of them cost|"
     "What is $(#3) plus $(#3) minus $(#2)?|The sum of $(#2), $(#2) and $(#2) is|"
     "$(^adjective) $(plural) come in boxes of $(#2); $(#2) boxes hold|"
     "$(#2) percent of $(#4) is|($(#2) + $(#2)) * $(#1) =|x = $(#3); y = x + $(#3); y ="},
    {"body",
     "$(a adjective) $(noun) $(clause)|$(a adjective) $(adjective) $(noun) $(clause)|"
     "$(a noun) made of $(material) $(clause)|$(a adjective) part of $(a noun) $(clause)|"
     "the act of $(gerund) $(a adjective) $(noun)|the $(adjective) part of $(a noun)|"
     "a kind of $(adjective) $(noun) $(clause)|any of several $(adjective) $(plural) $(clause)|"
     "the state of being $(adjective) and $(adjective)|"
     "a person who $(verbs) $(plural) in $(a adjective) $(site)|"
     "a group of $(plural) or $(plural) $(clause)|a piece of $(material) $(clause)"},
    {"clause",
     "that is used to $(verb) $(plural)|that $(verbs) $(adverb)|used for $(gerund) $(plural)|"
     "found in $(adjective) $(site_plural)|with $(a adjective) $(noun)|having $(adjective) "
     "$(plural)|"
     "of the $(adjective) $(site)|covered with $(adjective) $(material)|that looks like $(a "
     "animal)|"
     "worn by $(a person)|in which $(plural) are kept|that grows near the $(site)|"
     "of great $(quality)|without any $(quality)"},
    {"code",
     "def $(verb)_$(noun)($(variable), $(noun)):\n    return $(3) + $(4) * $(#2)\n|"
     "for (int $(variable) = $(#1); $(1) < $(#3); ++$(1)) $(noun) += $(noun)[$(1)];\n|"
     "if $(noun)_$(variable) > $(#3):\n    print(\"$(adjective) $(noun)\")\n|"
     "SELECT $(noun), $(noun) FROM $(plural) WHERE $(variable) = $(#4) ORDER BY $(1);\n|"
     "class $(^noun):\n    def $(verb)(self, $(variable)=$(#2)):\n        self.$(noun) = $(3)\n|"
     "const $(noun) = $(plural).map(($(variable)) => $(3) * $(#2) + $(#1));\n|"
     "$(noun)_$(variable) = [$(#2), $(#3), $(#2)]\nassert sum($(1)_$(2)) < $(#4)\n|"
     "#include <$(noun).h>\nint $(verb)_$(1)(int $(variable)) { return $(3) - $(#3); }\n|"
     "while $(variable) != $(#3):\n    $(1) = $(verb)($(noun), $(1))\n|"
     "<$(noun) id=\"$(#4)\"><$(noun)>$(adjective) $(material)</$(3)></$(1)>\n"},
    {"country",
     "Argentina|Australia|Austria|Belgium|Bolivia|Brazil|Bulgaria|Canada|Chile|China|Colombia|Cuba|"
     "Denmark|Ecuador|Egypt|England|Estonia|Ethiopia|Finland|France|Germany|Ghana|Greece|Hungary|"
     "Iceland|India|Indonesia|Iran|Ireland|Italy|Jamaica|Japan|Kenya|Korea|Latvia|Lebanon|Malta|"
     "Mexico|Mongolia|Morocco|Nepal|Norway|Panama|Peru|Poland|Portugal|Romania|Russia|Scotland|"
     "Senegal|Spain|Sudan|Sweden|Switzerland|Thailand|Tunisia|Turkey|Uganda|Ukraine|Vietnam|Wales"},
    {"de_adjective",
     "gr\u00fcn|sch\u00f6n|gro\u00df|m\u00fcde|k\u00fchl|alt|neu|rund|s\u00fc\u00df|lang|d\u00fcnn|"
     "stark|fr\u00f6hlich|schwer|leer|hei\u00df"},
    {"de_noun",
     "Baum|Stein|Tisch|K\u00f6nig|Fluss|Hund|Apfel|Schl\u00fcssel|Weg|Brief|Garten|Vogel|Stuhl|"
     "L\u00f6ffel|Berg|Turm|Mond|B\u00e4r|Fu\u00df|Fr\u00fchling"},
    {"element",
     "aluminium|calcium|carbon|chlorine|copper|gold|helium|hydrogen|iodine|iron|lead|lithium|"
     "magnesium|mercury|neon|nickel|nitrogen|oxygen|potassium|silicon|sodium|sulfur|tin|uranium|"
     "zinc"},
    {"es_adjective",
     "peque\u00f1o|grande|fr\u00edo|r\u00e1pido|d\u00e9bil|viejo|nuevo|rojo|f\u00e1cil|\u00fatil|"
     "blanco|largo|triste|hermoso|limpio|seco"},
    {"es_noun",
     "\u00e1rbol|ni\u00f1o|caf\u00e9|r\u00edo|le\u00f3n|coraz\u00f3n|camino|libro|perro|pan|"
     "jard\u00edn|"
     "avi\u00f3n|oto\u00f1o|sue\u00f1o|camar\u00f3n|p\u00e1jaro|tel\u00e9fono|rey|barco|zapato"},
    {"event",
     "the $(person) came to the $(site)|the $(animal) ran into the $(site)|"
     "the $(noun) began to $(verb)|the $(adjective) $(noun) was broken|"
     "$(name) went back to $(place)|$(a noun) fell near the $(site)|the $(plural) were all gone|"
     "nobody could find the $(noun)|it began to rain over $(place)|the sun went down|"
     "the $(person) and the $(person) could not agree|the $(site) was $(adjective) and "
     "$(adjective)"},
    {"format",
     "{\"$(noun)\": \"$(adjective)\", \"$(noun)\": $(#3), \"$(plural)\": [$(#1), $(#2)], |"
     "List $(#1) $(adjective) $(plural) and $(#1) $(adjective) $(plural), one on each line.\n1. |"
     "- $(noun): $(adjective)\n- $(noun): $(adjective)\n- $(animal): $(#2)\n- |"
     "Answer with one word. Which is more $(adjective), $(a noun) or $(a animal)?|"
     "$(noun),$(noun),$(noun)\n$(#2),$(adjective),$(#3)\n$(#2),$(adjective),|"
     "$(^noun), $(noun), $(animal), $(material): put these words in the order of the alphabet.|"
     "Write $(a adjective) sentence about $(a animal) and $(a noun) that ends with $(adjective).|"
     "Dear $(name),\n\nI write to you about the $(adjective) $(noun) of $(place). |"
     "Q: Is $(a noun) more $(adjective) than $(a noun)?\nA:|"
     "name=$(name); place=$(place); $(noun)=$(#3); $(noun)=$(adjective);|"
     "Repeat exactly: $(adjective) $(noun) $(#3) $(animal) $(adjective) $(noun) $(#2).|"
     "## $(^adjective) $(plural)\n\n* $(noun): $(#2)\n* $(noun): $(#2)\n* "},
    {"fr_adjective",
     "petit|grand|l\u00e9ger|\u00e2g\u00e9|fran\u00e7ais|fid\u00e8le|rouge|\u00e9troit|rapide|"
     "froid|"
     "g\u00e9n\u00e9reux|vert|dr\u00f4le|calme|s\u00fbr|fatigu\u00e9"},
    {"fr_noun",
     "ch\u00e2teau|fr\u00e8re|gar\u00e7on|caf\u00e9|march\u00e9|pain|chien|livre|roi|soldat|jardin|"
     "th\u00e9\u00e2tre|mus\u00e9e|ma\u00eetre|chemin|cheval|b\u00e2ton|p\u00e8re|v\u00e9lo|"
     "bateau"},
    {"gerund",
     "building|burning|carrying|catching|cleaning|closing|collecting|counting|cutting|drawing|"
     "drying|feeding|finding|gathering|grinding|growing|guarding|heating|hiding|holding|hunting|"
     "joining|lifting|making|marking|measuring|mending|mixing|moving|opening|painting|planting|"
     "pulling|pushing|raising|reading|repairing|selling|sending|shaping|sharing|sorting|storing|"
     "striking|teaching|throwing|trading|turning|washing|watching|weaving|weighing"},
    {"gloss",
     "$(noun): $(body)|$(noun): $(body); $(body)|$(noun): $(body); \"$(quote)\"|"
     "$(animal): $(a adjective) $(animal) $(clause)|$(body)|$(body); \"$(quote)\"|"
     "$(person): a person who $(verbs) $(adjective) $(plural); \"$(quote)\"|"
     "$(verb): $(verb) $(a noun) in $(a adjective) way; \"$(quote)\"|"
     "$(adjective): having $(a adjective) $(noun); \"$(quote)\"|"
     "$(adjective): $(adjective) and $(adjective), of $(plural); \"$(quote)\"|"
     "$(material): $(a adjective) $(material) $(clause)|"
     "$(site): $(a adjective) $(site) where $(plural) are kept; $(body)|"
     "$(adverb): in $(a adjective) manner; \"$(quote)\"|n. A kind of $(material) $(clause); "
     "$(body)"},
    {"it_adjective",
     "bella|grande|antica|fredda|nuova|rossa|dolce|lunga|piccola|sincera|leggera|vera|"
     "chiara|felice|alta|stanca"},
    {"it_noun",
     "citt\u00e0|casa|verit\u00e0|strada|luce|libert\u00e0|luna|porta|nave|virt\u00f9|pioggia|"
     "societ\u00e0|notte|chiesa|mela|trib\u00f9"},
    {"knowledge",
     "What is the capital of $(country), and which $(site_plural) does $(country) have?|"
     "Which has more people, $(country), $(country) or $(country)?|"
     "What is the chemical symbol of $(element), and is $(element) heavier than $(element)?|"
     "How far is it from $(country) to $(country), and how does $(a person) get there?|"
     "Why is $(a animal) more $(adjective) than $(a animal)?|"
     "What do $(plural) of $(element) and $(plural) of $(material) have in common?|"
     "Who was the first $(person) in $(country) to use $(a noun) of $(material)?|"
     "Explain to $(a person) why $(material) is $(adjective) but $(element) is not.|"
     "In what year did $(country) and $(country) first trade in $(material)?|"
     "What does $(a person) in $(country) need $(a adjective) $(noun) for?|"
     "Is it true that $(plural) in $(country) are more $(adjective) than in $(country)?|"
     "Name $(#1) things about $(country) that $(a person) from $(country) would know."},
    {"material",
     "amber|bone|brass|brick|bronze|butter|cheese|clay|cloth|coal|copper|cork|cotton|cream|felt|"
     "flour|fur|glass|glue|gold|grass|gravel|honey|ice|ink|iron|ivory|lace|leather|lime|linen|"
     "marble|mud|oil|paint|paper|pitch|rope|rubber|salt|sand|silk|silver|skin|smoke|snow|soap|"
     "steel|stone|straw|sugar|tin|wax|wheat|wine|wood|wool"},
    {"name",
     "Ada|Agnes|Albert|Alice|Amos|Anna|Arthur|Bella|Clara|Daniel|David|Edith|Elias|Emma|Esther|"
     "Eva|Felix|Flora|Frank|George|Grace|Hannah|Harold|Helen|Henry|Hugo|Ida|Irene|Isaac|Jacob|"
     "James|Jane|Joel|John|Joseph|Julia|Laura|Lewis|Lily|Lucy|Mark|Martha|Martin|Mary|Max|Miriam|"
     "Nathan|Nora|Oliver|Oscar|Paul|Peter|Ralph|Robert|Rosa|Ruth|Samuel|Sarah|Simon|Sophia|Thomas|"
     "Tom|Victor|Walter"},
    {"narrative",
     "$(time), $(subject) $(past) the $(adjective) $(noun) and went to the $(site).|"
     "$(^subject) had $(a adjective) $(noun) that nobody in $(place) could $(verb).|"
     "$(time), $(subject) saw $(a adjective) $(animal) near the $(adjective) $(site).|"
     "When $(event), $(subject) $(adverb) $(past) the $(noun).|"
     "\"The $(noun) is too $(adjective) for us,\" said $(subject), and $(event).|"
     "In the $(site) of $(place) there lived $(a adjective) $(person) who $(past) $(plural).|"
     "There was once $(a person) named $(name) who wanted to $(verb) $(a adjective) $(noun).|"
     "$(name) looked at the $(adjective) $(noun) and thought of $(place), because $(event).|"
     "Nobody knew why $(subject) $(past) the $(plural), but $(event).|"
     "After $(event), $(subject) sat by the $(site) and $(past) the $(adjective) $(noun).|"
     "The $(adjective) $(animal) and the $(animal) were friends until $(event).|"
     "$(^subject) gave $(name) $(a adjective) $(noun) made of $(material), and $(event)."},
    {"noun",
     "anchor|apple|army|arrow|axe|bag|ball|barrel|basket|battle|bed|bell|belt|blade|blanket|board|"
     "boat|book|boot|bottle|bowl|box|branch|bridge|broom|bucket|button|cage|candle|cap|carpet|cart|"
     "chain|chair|chest|circle|clock|cloud|coat|coin|crown|cup|curtain|dance|debt|desk|dish|door|"
     "dream|dress|drum|engine|family|feast|feather|fence|fire|flag|flame|flower|flute|fork|frame|"
     "fruit|garment|gate|gift|glove|hammer|handle|harp|hat|helmet|hook|horn|instrument|jar|jewel|"
     "journey|key|kettle|knife|knot|ladder|lamp|law|leaf|lens|letter|lock|machine|map|market|mask|"
     "meal|medicine|mirror|mountain|muscle|nail|needle|nest|net|oar|oath|page|pipe|plate|plow|poem|"
     "pot|prayer|price|promise|question|ring|river|road|robe|root|rule|sail|saw|scale|school|seed|"
     "shadow|shell|shield|ship|shoe|sign|song|spear|spoon|spring|star|stick|storm|story|string|"
     "sword|table|tail|tale|tent|thread|throne|tool|tooth|tower|town|trap|treasure|tree|trumpet|"
     "tunnel|valley|vessel|village|voice|wagon|wall|watch|weapon|well|wheel|whip|window|wing|"
     "wound"},
    {"numbers",
     "$(#1).$(#5) $(#2).$(#4) $(#3).$(#3) -$(#1).$(#6)|$(#7) $(#6) $(#8) $(#5)|"
     "$(#4)-0$(#1)-1$(#1) 1$(#1):$(#2):0$(#1), $(#4)|+$(#2) $(#3) $(#7), +$(#2) $(#4) $(#6)|"
     "0x$(#6), 0x$(#8), $(#9)|$(#3),$(#3),$(#3).$(#2) and $(#2),$(#3).$(#2)|"
     "$(#2)/$(#3) $(#3)/$(#4) $(#1)/$(#2)|$(#5)e-$(#2) $(#1).$(#3)e+$(#1) $(#4)|"
     "version $(#1).$(#2).$(#3)-$(#4), build $(#7)|$(#3).$(#2).$(#3).$(#2) port $(#5)|"
     "pi is 3.14159265 and not $(#1).$(#8); $(#9)|$(#12) $(#10)|"
     "invoice $(#8): $(#3) x $(#2).$(#2) = $(#5).$(#2)"},
    {"past",
     "asked about|broke|brought|built|burned|buried|carried|caught|cleaned|closed|counted|covered|"
     "divided|drew|dropped|feared|followed|forgot|found|gathered|guarded|hid|held|kept|lifted|lost|"
     "loved|marked|measured|mended|opened|painted|praised|pulled|remembered|repaired|saved|"
     "searched|"
     "sent for|shook|sold|spoke of|stole|struck|threw away|took|touched|turned|washed|watched|"
     "weighed|wrote about"},
    {"person",
     "actor|artist|baker|barber|bishop|blacksmith|builder|captain|carpenter|child|clerk|cook|"
     "dancer|"
     "doctor|driver|emperor|farmer|fisherman|gardener|general|guard|guest|hunter|judge|king|knight|"
     "lawyer|mason|merchant|messenger|miller|monk|musician|nurse|officer|painter|physician|pilot|"
     "poet|potter|priest|prince|prophet|queen|sailor|scholar|scribe|servant|shepherd|singer|"
     "soldier|"
     "stranger|student|surgeon|tailor|teacher|thief|traveler|uncle|widow|witness|worker|writer"},
    {"place",
     "Antioch|Athens|Babylon|Berlin|Bethel|Boston|Cairo|Carthage|Chicago|Corinth|Damascus|Delhi|"
     "Dublin|Eden|Ephesus|Florence|Galilee|Geneva|Gibraltar|Hebron|Jericho|Jerusalem|Kyoto|Lisbon|"
     "London|Madrid|Memphis|Moscow|Naples|Nineveh|Oslo|Oxford|Paris|Prague|Rome|Samaria|Shiloh|"
     "Sparta|Syria|Tarsus|Tokyo|Troy|Tyre|Venice|Vienna|Warsaw|York|Zion"},
    {"plural",
     "animals|apples|arms|arrows|bags|beds|bells|birds|boats|bones|books|bottles|bowls|boxes|"
     "branches|bricks|buildings|cattle|chains|children|cities|clothes|clouds|coins|colors|crops|"
     "cups|dishes|dogs|doors|eggs|enemies|eyes|farms|feathers|fields|fires|fishes|flowers|friends|"
     "fruits|garments|gifts|goats|goods|guests|hands|hills|horses|houses|insects|islands|jewels|"
     "keys|laws|leaves|letters|lines|metals|mountains|musicians|nails|names|needles|nets|numbers|"
     "objects|papers|parts|plants|prayers|prisoners|questions|rings|rivers|roads|rocks|roots|rules|"
     "sails|seeds|sheep|shells|ships|shoes|signs|soldiers|songs|sounds|stars|stones|stories|"
     "streets|"
     "strings|swords|teeth|tents|things|threads|tools|towns|trees|vessels|voices|walls|waters|"
     "waves|"
     "weapons|wheels|windows|wings|women|words"},
    {"quality",
     "anger|beauty|charm|comfort|courage|danger|faith|fame|force|glory|grace|grief|heat|honor|joy|"
     "justice|labor|luck|mercy|noise|order|pain|patience|peace|power|price|pride|skill|sorrow|"
     "speed|"
     "strength|taste|trouble|truth|value|virtue|weight|wisdom|wrath"},
    {"quote",
     "the $(noun) was $(adjective)|they $(past) the $(noun)|$(a adjective) $(noun)|"
     "he $(past) $(a adjective) $(noun)|she $(adverb) $(past) the $(plural)|"
     "the $(person) $(past) his $(noun)|$(adjective) $(plural) of the $(site)|"
     "her $(noun) is $(adjective)|the $(quality) of the $(person)|$(a adjective) $(person)"},
    {"site",
     "bank|barn|bay|beach|camp|canal|castle|cave|cellar|church|city|cliff|coast|corner|court|"
     "desert|"
     "farm|field|forest|garden|gate|harbor|hill|house|inn|island|kitchen|lake|library|market|"
     "meadow|"
     "mill|mine|moor|palace|pass|path|plain|pool|port|prison|river|sea|shop|shore|square|stable|"
     "station|street|swamp|temple|valley|village|wall|well|wilderness|wood|workshop"},
    {"site_plural",
     "banks|bays|castles|caves|cities|coasts|deserts|farms|fields|forests|gardens|harbors|hills|"
     "houses|islands|lakes|markets|meadows|mines|mountains|palaces|plains|ports|rivers|seas|shores|"
     "streets|swamps|temples|valleys|villages|walls|wells"},
    {"subject",
     "an old $(person)|$(a adjective) $(person)|the $(person) of $(place)|$(name) the $(person)|"
     "$(name) and $(name)|one of the $(plural)|the $(adjective) $(person)|$(name)"},
    {"time",
     "At last|At night|Early one morning|In the end|In the evening|Long ago|Many years later|"
     "Once upon a time|One day|On the $(#1)th day|Soon after|That same night|The next day|"
     "Then, one winter|When summer came|While they slept|$(#2) years before|Before the war"},
    {"translation",
     "English: the $(adjective) $(noun). Fran\u00e7ais: le $(fr_noun) est $(fr_adjective) et|"
     "Deutsch: Der $(de_noun) ist $(de_adjective). English: the $(noun) is $(adjective). Der|"
     "Espa\u00f1ol: el $(es_noun) es $(es_adjective). English: the|"
     "Italiano: la $(it_noun) \u00e8 $(it_adjective). English: the $(adjective)|"
     "How do you say \"$(a adjective) $(noun)\" in French, as in \"le $(fr_noun) "
     "$(fr_adjective)\"?|"
     "\"le $(fr_noun) $(fr_adjective)\" - \"the $(adjective) $(noun)\" - \"el $(es_noun) "
     "$(es_adjective)\" - |"
     "$(de_noun) = $(noun), $(fr_noun) = $(noun), $(es_noun) = $(noun), $(it_noun) =|"
     "Translate into German: the $(person) $(past) the $(adjective) $(noun). Der $(de_noun) ist "
     "$(de_adjective),|"
     "\u00bfD\u00f3nde est\u00e1 el $(es_noun) $(es_adjective)? - O\u00f9 est le $(fr_noun) "
     "$(fr_adjective)? -|"
     "Le $(fr_noun) est plus $(fr_adjective) que le $(fr_noun). The $(noun) is more"},
    {"variable",
     "a|b|c|count|data|end|first|flag|height|i|index|item|j|k|key|last|left|length|line|m|max|min|"
     "n|"
     "name|next|node|offset|p|path|point|q|queue|r|rate|result|right|s|score|size|start|state|step|"
     "sum|t|temp|text|time|total|u|v|value|w|width|x|y|z"},
    {"verb",
     "bless|break|bring|build|burn|bury|buy|carry|catch|change|choose|clean|close|collect|count|"
     "cover|cut|divide|draw|drive|eat|fear|feed|find|follow|forget|gather|give|guard|hear|help|"
     "hide|"
     "hold|join|keep|know|lead|learn|lift|lose|love|make|mark|measure|mend|mix|move|open|paint|"
     "plant|praise|pull|push|raise|reach|read|remember|repair|save|search|seek|sell|send|serve|"
     "shake|share|show|sing|sort|speak|steal|strike|take|teach|throw|touch|trade|turn|wash|watch|"
     "weigh|write"},
    {"verbs",
     "breaks|brings|builds|burns|buys|carries|catches|changes|cleans|collects|counts|covers|cuts|"
     "divides|draws|drives|eats|fears|feeds|finds|follows|gathers|gives|guards|helps|hides|holds|"
     "joins|keeps|leads|lifts|loses|loves|makes|marks|measures|mends|mixes|moves|opens|paints|"
     "plants|praises|pulls|pushes|raises|reads|repairs|saves|seeks|sells|sends|serves|shakes|"
     "shares|"
     "shows|sings|sorts|speaks|steals|strikes|takes|teaches|throws|touches|trades|turns|washes|"
     "watches|weighs|writes"},
    {"verse",
     "And it came to pass in the days of $(name), that the $(person) of $(place) $(past) the "
     "$(plural),|"
     "And the $(person) said unto the $(person), Behold, the $(noun) of the $(adjective) $(site);|"
     "And $(name) went up from $(place) unto the $(site), and $(past) the $(noun) of $(material):|"
     "Thou shalt not $(verb) the $(noun) of thy $(person), nor the $(plural) of the $(site).|"
     "For the $(quality) of the $(adjective) is as $(a adjective) $(noun), and $(quality) shall "
     "not $(verb).|"
     "Blessed is the $(person) that $(verbs) the $(quality) of the $(noun), for the $(plural)|"
     "And they $(past) $(#2) $(plural) of $(material), and $(#3) $(plural), according to the "
     "$(noun)|"
     "Hear, O ye $(plural) of $(place), and $(verb) your $(adjective) $(plural); for the $(noun)|"
     "Then answered $(name) and said, Wherefore hath the $(person) $(past) my $(noun)?|"
     "O $(adjective) $(noun), that dost $(verb) the $(adjective) $(site) with thy $(quality),|"
     "When $(adjective) $(plural) doth the $(adjective) $(noun) $(verb), then shall thy $(quality)|"
     "The $(quality) of $(name) is more $(adjective) than $(material); yea, than $(adjective) "
     "$(plural)."},
};

}  // namespace

std::span<const GrammarRule> challenge_rules() { return kRules; }

}  // namespace assay
