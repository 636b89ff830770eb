"""English words, names and things that puzzles are told with (ours)."""

from __future__ import annotations


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WORDS = _split(
    """
    act add age aid aim air ant ape arc arm art ash ask bag bat bay bed bee bet bin bit box boy
    bud bug bus cab can cap car cat cow cry cup cut day den dew dig dog dot dry ear eat egg elk
    elm end eye fan far fig fin fit fly fog fox fun gap gas gem goat gum gun hat hen hip hit hop
    hot hut ice ink inn ion ivy jam jar jaw jet job joy key kid kit lab lap leg lid lip log lot
    mad man map mat mix mop mud net nod nut oak oar odd oil old one owl pan pat pea pen pet pie
    pig pin pit pot ram rat red rib rim rod row rug run sad sea set six sky son spy sun tag tan
    tap tar tea ten tie tin tip toe ton top toy tub van vet war wax web wig win zoo acid area
    army aunt baby back ball band bank barn base bath bean bear bell belt bird boat body bolt
    bone book boot born bowl brim bulb cage cake calm camp card care cart case cash cave cell
    chef chin city clay clip club coal coat code coin cold cook cool copy core corn cost crab
    crew crop cube dark dawn deer desk dish dock door dove draw drum duck dust each earl east
    edge exam face fact fair farm fast fern file film fire fish five flag flat flow foam food
    foot fork fort four frog fuel game gate gift girl glow goal gold golf grid grip hair half
    hall hand harp hawk head heat herb hill hint hole home hood hook horn host hour idea inch
    iron item jazz joke jump keen kelp king kite knee knot lace lake lamb lamp land lane lark
    lava lawn lead leaf lens lime line lion list loaf lock loft loop lord luck lung mail maze
    meal melt menu mild milk mill mind mint moon moss moth myth nail name navy neck nest nine
    node noon nose note oath oats open oral oval oven pace page palm park path pear peel pier
    pine pink pipe plan plum poem poet pole pond pony pool port rain raft ramp rare reed reef
    rice ring rise road rock role roof room root rope rose ruby rule safe sail salt sand seal
    seed shed ship shoe shop silk sing sink skin sled snow soap sock sofa soil song soup star
    stem step sway swan tale tent term tide tile time tone tool tree trio tube tune turf twin
    unit user vase veil vent verb vest view vine wall wave weed west whip wind wine wing wire
    wolf wood wool word yard yarn year zero zinc zone
    """
)
"""Words of three and four letters."""

LONG_WORDS = _split(
    """
    acorn amber angle apple april arrow attic autumn badge bagel basil beach berry blanket
    bottle branch bread breeze brick bridge brush bucket butter button cabin cactus camel candle
    canyon carpet carrot castle cedar cello chair chalk cherry circle clock cloud clover coast
    cobalt coffee comet copper coral cotton cousin crayon creek crown crystal dancer desert
    diamond dinner dragon eagle echo ember engine falcon feather fiddle field flame flower
    forest fossil fountain garden garlic ginger glacier globe grape gravel guitar hammer harbor
    hazel helmet honey horizon island ivory jacket jasmine jigsaw jungle kettle kitten ladder
    lagoon lantern lemon lilac linen lizard lobster magnet mango maple marble meadow melon
    mirror monkey morning mountain museum needle nickel nutmeg oasis ocean olive onion orange
    orchid otter oyster paddle panda paper parrot pebble pencil pepper piano pickle pillow
    planet pocket pollen potato prairie pumpkin puzzle quartz rabbit radish raven ribbon river
    robin rocket saddle salmon sandal saturn school shadow silver spider spring squash stone
    summer sunset tablet temple thunder ticket tiger timber toast tomato travel tulip tunnel
    turtle umbrella valley velvet violet violin walnut water whale wheat willow window winter
    wizard yellow zebra zipper
    """
)
"""Words of four to eight letters."""

PEOPLE = _split(
    """
    Ada Ann Ben Bob Cal Cid Dan Dora Eli Eve Fay Finn Gia Gus Hal Hana Ida Ivan Jon June Kai Kim
    Lea Leo Mia Max Nell Ned Olga Otto Pia Paul Quin Rita Rob Sara Sam Tess Tom Una Uri Vera Vic
    Wes Will Xena Yan Yuri Zoe Zack
    """
)
GOODS = _split(
    """
    bag ball bell book boot bottle bowl box brush candle cap card chair clock coat coin comb
    cup drum fan flag flute fork glass globe harp hat jar kite knife ladder lamp lens map mask
    mirror mug needle net pan pen pillow plate ring rope ruler scarf shell shoe spoon stamp
    stone tent towel vase violin whistle
    """
)
CATEGORIES = {
    "en": {
        "fruit": ("apples", "pears", "plums", "figs", "limes", "mangoes"),
        "animals": ("cats", "dogs", "hens", "goats", "ducks", "horses"),
        "tools": ("hammers", "saws", "files", "drills", "rulers", "pliers"),
        "furniture": ("chairs", "desks", "beds", "sofas", "shelves", "stools"),
        "instruments": ("drums", "flutes", "harps", "violins", "pianos", "horns"),
        "clothes": ("hats", "coats", "scarves", "socks", "belts", "gloves"),
        "vehicles": ("cars", "buses", "trains", "boats", "trucks", "bicycles"),
    },
    "zh": {
        "水果": ("苹果", "梨", "李子", "无花果", "青柠", "芒果"),
        "动物": ("猫", "狗", "母鸡", "山羊", "鸭子", "马"),
        "工具": ("锤子", "锯子", "锉刀", "钻头", "尺子", "钳子"),
        "家具": ("椅子", "书桌", "床", "沙发", "架子", "凳子"),
        "乐器": ("鼓", "笛子", "竖琴", "小提琴", "钢琴", "号"),
        "衣物": ("帽子", "外套", "围巾", "袜子", "腰带", "手套"),
        "车船": ("汽车", "公共汽车", "火车", "船", "卡车", "自行车"),
    },
}
"""Categories with six things each, in both languages in the same order."""

FACTS = {
    "en": (
        ("The capital of France is Paris", True),
        ("The capital of Italy is Rome", True),
        ("The capital of Japan is Tokyo", True),
        ("The capital of Egypt is Cairo", True),
        ("The capital of Spain is Lisbon", False),
        ("The capital of Canada is Toronto", False),
        ("The capital of Norway is Stockholm", False),
        ("A triangle has three sides", True),
        ("A week has seven days", True),
        ("Ice is frozen water", True),
        ("A spider has six legs", False),
        ("The sun rises in the west", False),
    ),
    "zh": (
        ("法国的首都是巴黎", True),
        ("意大利的首都是罗马", True),
        ("日本的首都是东京", True),
        ("埃及的首都是开罗", True),
        ("西班牙的首都是里斯本", False),
        ("加拿大的首都是多伦多", False),
        ("挪威的首都是斯德哥尔摩", False),
        ("三角形有三条边", True),
        ("一周有七天", True),
        ("冰是冻结的水", True),
        ("蜘蛛有六条腿", False),
        ("太阳从西边升起", False),
    ),
}
"""Statements with their truth, in both languages in the same order."""
