"""The words that the rules know, each table with its use."""

UNITS = {
    "zero": 0,
    "nought": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
}
TEENS = {
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
}
TENS = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
ORDINAL_UNITS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
}
ORDINAL_TEENS = {
    "tenth": 10,
    "eleventh": 11,
    "twelfth": 12,
    "thirteenth": 13,
    "fourteenth": 14,
    "fifteenth": 15,
    "sixteenth": 16,
    "seventeenth": 17,
    "eighteenth": 18,
    "nineteenth": 19,
    "twentieth": 20,
    "thirtieth": 30,
    "fortieth": 40,
    "fiftieth": 50,
    "sixtieth": 60,
    "seventieth": 70,
    "eightieth": 80,
    "ninetieth": 90,
}
ORDINAL_SCALES = {"thousandth": 10**3, "millionth": 10**6}
# Each makes the number before it larger.
MULTIPLIERS = frozenset({"hundred", *SCALES})

ORDINAL_WORDS = frozenset({*ORDINAL_UNITS, *ORDINAL_TEENS, *ORDINAL_SCALES, "hundredth"})
# Words without any of these have nothing to write.
NUMBER_WORDS = frozenset({*UNITS, *TEENS, *TENS, *SCALES, *ORDINAL_WORDS, "hundred"})

# Zero as people say it between other digits.
OH = frozenset({"oh", "o"})
DIGITS = {**UNITS, "oh": 0, "o": 0}
REPEATS = {"double": 2, "triple": 3}
POINTS = frozenset({"point", "dot"})

# The second half of a decade: "nineteen eighties".
DECADES = {
    "hundreds": 0,
    "tens": 10,
    "twenties": 20,
    "thirties": 30,
    "forties": 40,
    "fifties": 50,
    "sixties": 60,
    "seventies": 70,
    "eighties": 80,
    "nineties": 90,
}

MONTHS = frozenset(
    {
        *("january", "february", "march", "april", "may", "june", "july"),
        *("august", "september", "october", "november", "december"),
    }
)
# These are verbs as well: "you may first", "they march five miles".
VERB_MONTHS = frozenset({"may", "march"})
WEEKDAYS = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})
# Before "may first": what shows that a month is meant.
BEFORE_DATE = frozenset(
    {
        *("on", "by", "until", "till", "since", "before", "after", "from", "to", "is", "was", "through", "between"),
        *("this", "next", "last", "dated", "due", "starting", "beginning", "of", "for", "mid", "today", "yesterday"),
        *("tomorrow", "it's", "effective", "and", "ending", "around"),
        *WEEKDAYS,
    }
)
# After "may first": what shows that a verb is meant.
VERB_AFTER = frozenset(
    {
        *("have", "be", "want", "need", "seem", "appear", "look", "not", "ask", "try", "go", "see", "wish", "strike"),
        *("sound", "come", "feel", "think", "get", "make", "take", "find", "hear", "notice", "start", "require"),
    }
)

# Before a year, "in two thousand and eight"; the seasons and months too.
BEFORE_YEAR = frozenset(
    {
        *("in", "since", "year", "during", "circa", "lord", "until", "till", "by", "of", "early", "late", "mid"),
        *("spring", "summer", "autumn", "fall", "winter", "after", "before", "from", "around", "christmas"),
        *MONTHS,
    }
)
SURE_BEFORE_YEAR = frozenset({"year", "lord", "circa", *MONTHS})
# Before a plain number: "more than two thousand eight".
BEFORE_AMOUNT = frozenset({"than", "over", "about", "nearly", "almost", "exactly", "some", "only", "another", "these"})

BEFORE_TIME = frozenset(
    {
        *("at", "by", "until", "till", "before", "after", "around", "about", "from", "since", "it's"),
        *("approximately", "nearly", "almost", "exactly", "past"),
    }
)
# What runs by a timetable: "the six twenty train".
TIMED = frozenset({"train", "bus", "ferry", "tram", "show", "service", "mass", "screening", "news", "appointment"})
PARTS_OF_DAY = frozenset({"morning", "afternoon", "evening"})
HALVES_OF_HOUR = frozenset({"quarter", "half"})
TOLD = frozenset({"past", "to", "till", "before", "after", "of"})

# A symbol, and whether the smaller coin follows with its own name.
CURRENCIES = {
    **dict.fromkeys(("dollar", "dollars", "dollars'"), "$"),
    **dict.fromkeys(("euro", "euros"), "€"),
    **dict.fromkeys(("pound", "pounds", "pounds'"), "£"),
    **dict.fromkeys(("yen",), "¥"),
    **dict.fromkeys(("rupee", "rupees"), "₹"),
}
# "ten us dollars": how many words come before the dollars.
DOLLARS_OF = {"us": 1, "american": 1, "united": 2}
CENTS = frozenset({"cents", "cent", "pence", "p", "penny"})
# Pounds are money after these, up to four words before, and beside these.
PAID = frozenset(
    {
        *("pay", "pays", "paid", "cost", "costs", "costing", "price", "priced", "worth", "charge", "charges"),
        "charged",
        *("spend", "spends", "spent", "fee", "fine", "fined", "salary", "wage", "wages", "rent", "bill", "owe", "owes"),
        *("owed", "earn", "earns", "earned", "save", "saved", "sold", "sell", "sells", "bought", "buy", "budget"),
        "loan",
        *("lend", "lent", "borrow", "borrowed", "donated", "raised", "won", "bet", "fare", "ticket", "tickets", "debt"),
        *("bank", "money", "cash", "profit", "loss", "losses", "tax", "income", "a year's", "cheque", "fortune", "sum"),
    }
)
# Before a price without its currency: "it cost me three ninety nine", "the bill is forty two fifty".
COSTS = frozenset({"cost", "costs"})
PRICES = frozenset({"bill", "total", "price", "fare"})
WEIGHED = frozenset(
    {
        *("weigh", "weighs", "weighed", "weighing", "weight", "lose", "loses", "lost", "losing", "gain", "gained"),
        *("gains", "heavier", "lighter", "lift", "lifts", "lifted", "shed", "carry", "carries", "carried"),
    }
)
NOTES = frozenset({"note", "notes", "coin", "coins", "fine", "prize", "ticket", "deposit"})
# "twelve fifty an hour": money for each of these.
PERIODS = frozenset({"hour", "week", "month", "night", "piece", "head", "person"})
# Likewise, and no time of day stands before these: "at three fifty a kilo".
PORTIONS = frozenset(
    {
        *("dozen", "pop", "bottle", "pint", "gallon", "litre", "liter", "kilo", "pound", "ounce", "bag", "slice"),
        *("cup", "can", "pack", "packet", "pair", "yard", "copy", "ticket", "sheet", "loaf", "unit", "item"),
    }
)

# Near "one fifty": what shows that it is an amount and no time of day.
AMOUNTS = frozenset(
    {
        *("weigh", "weighs", "weighed", "weighing", "weight", "rate", "pulse", "stock", "shares", "price", "prices"),
        *("priced", "bake", "baked", "roast", "oven", "preheat", "pressure", "batting", "bench", "cholesterol", "iq"),
        *("score", "scored", "scores", "valued", "temperature", "speed", "expires", "expiry"),
    }
)

# Units with a symbol of two letters or more, which nobody reads twice. The others are left as words: "20 grams".
SYMBOLS = {
    **dict.fromkeys(("kilometer", "kilometers", "kilometre", "kilometres"), "km"),
    **dict.fromkeys(("centimeter", "centimeters", "centimetre", "centimetres"), "cm"),
    **dict.fromkeys(("millimeter", "millimeters", "millimetre", "millimetres"), "mm"),
    **dict.fromkeys(("kilogram", "kilograms", "kilo", "kilos"), "kg"),
    **dict.fromkeys(("milligram", "milligrams"), "mg"),
    **dict.fromkeys(("milliliter", "milliliters", "millilitre", "millilitres"), "ml"),
    **dict.fromkeys(("millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("kilobyte", "kilobytes"), "kB"),
    **dict.fromkeys(("megabyte", "megabytes"), "MB"),
    **dict.fromkeys(("gigabyte", "gigabytes"), "GB"),
    **dict.fromkeys(("terabyte", "terabytes"), "TB"),
    **dict.fromkeys(("hertz",), "Hz"),
    **dict.fromkeys(("kilohertz",), "kHz"),
    **dict.fromkeys(("megahertz",), "MHz"),
    **dict.fromkeys(("gigahertz",), "GHz"),
    **dict.fromkeys(("kilowatt", "kilowatts"), "kW"),
    **dict.fromkeys(("megawatt", "megawatts"), "MW"),
    **dict.fromkeys(("gigawatt", "gigawatts"), "GW"),
    **dict.fromkeys(("decibel", "decibels"), "dB"),
}
# Symbols of several words; the longest are tried first.
LONG_SYMBOLS: dict[tuple[str, ...], str] = {
    **{
        (unit, *rest): "km/h"
        for unit in ("kilometer", "kilometers", "kilometre", "kilometres")
        for rest in (("per", "hour"), ("an", "hour"))
    },
    **{(unit, "per", "hour"): "mph" for unit in ("mile", "miles")},
    **{(unit, "per", "gallon"): "mpg" for unit in ("mile", "miles")},
    **{
        (unit, *rest): symbol
        for unit in ("degree", "degrees")
        for rest, symbol in ((("celsius",), "°C"), (("centigrade",), "°C"), (("fahrenheit",), "°F"))
    },
    **{("kilowatt", hours): "kWh" for hours in ("hour", "hours")},
    **{(unit, "per", "second"): "Mbit/s" for unit in ("megabit", "megabits")},
    **{(unit, "per", "second"): "MB/s" for unit in ("megabyte", "megabytes")},
    **{(unit, "per", "second"): "m/s" for unit in ("meters", "metres")},
}
# Units without a symbol here, with which small numbers are figures all the same.
MEASURES = frozenset(
    {
        *("mile", "miles", "yards", "feet", "inch", "inches", "acre", "acres", "gallon", "gallons", "ounce", "ounces"),
        *("pint", "pints", "quart", "quarts", "pound", "pounds", "ton", "tons", "tonne", "tonnes", "gram", "grams"),
        *("meter", "meters", "metre", "metres", "liter", "liters", "litre", "litres", "watt", "watts", "volt", "volts"),
        *("amp", "amps", "foot", "yard", "hectare", "hectares", "byte", "bytes", "bits", "megabit", "megabits"),
        *("gigabit", "gigabits", "megapixel", "megapixels", "pixels", "calories", "newtons", "joules", "microns"),
        *("nanometers", "nanometres", "micrograms", "nanoseconds", "microseconds", "horsepower", "volt", "bar"),
        "knots",
        *("kelvin", "square", "cubic", "light", "yuan", "pesos", "rubles", "baht", "zlotys", "bitcoins"),
    }
)
# "square" and "light" are units only with these.
COMPOUND_MEASURES = frozenset(
    {
        *("meter", "meters", "metre", "metres", "foot", "feet", "mile", "miles", "inch", "inches", "yard", "yards"),
        *("kilometer", "kilometers", "kilometre", "kilometres", "centimeters", "centimetres", "millimeters", "year"),
        *("years",),
    }
)
# What shows that degrees are those of a thermometer or a compass, not a student's.
AFTER_DEGREES = frozenset(
    {
        *("north", "south", "east", "west", "below", "above", "warmer", "colder", "cooler", "hotter", "outside"),
        *("today", "tonight", "latitude", "longitude", "tomorrow", "clockwise", "higher", "lower", "kelvin"),
    }
)
OWNERS = frozenset({"my", "your", "his", "her", "its", "our", "their", "own", "both"})

# What people count most; a number before these is none of what stands before it: "chapter six two times".
COUNTS = frozenset(
    {
        *("seconds", "minutes", "hours", "days", "nights", "weeks", "months", "years", "decades", "times", "people"),
        *("persons", "men", "women", "children", "kids", "guys", "points", "marks", "votes", "bucks", "items"),
        *("others", "passengers", "players", "students", "guests", "members", "customers", "workers", "employees"),
        *("soldiers", "goals", "games", "things", "words", "bedrooms", "cars"),
        *("dollars", "pounds", "euros", "cents", "percent", "miles", "feet", "inches", "meters", "metres", "degrees"),
    }
)
# After a plural: what shows that a number before it counts. "two days ago", "three bugs were fixed".
AFTER_COUNTED = frozenset({"ago", "were", "are"})
# Before "minus five": what shows that nothing is taken from anything.
BEFORE_NEGATIVE = frozenset(
    {
        *("", "is", "was", "are", "were", "be", "it's", "at", "to", "of", "from", "about", "than", "below", "by"),
        *("for", "around", "between", "and", "or", "the", "a", "an", "nearly", "almost", "approximately", "with"),
        "equals",
        *("reached", "hit", "hits", "got", "gets", "get", "down", "up", "low", "as", "just", "only", "still", "into"),
        *("reads", "read", "showed", "shows", "touched", "that's", "in", "say", "said", "exactly", "did", "not", "but"),
    }
)

# Before one number or a string of digits, written in figures however small.
NUMBERED = frozenset(
    {
        *("chapter", "page", "room", "flight", "section", "volume", "scene", "version", "step", "phase", "gate"),
        *("platform", "exhibit", "episode", "season", "terminal", "highway", "route", "interstate", "channel"),
        *("apartment", "suite", "bus", "psalm", "verse", "number", "pier", "category", "type", "stage", "tier"),
        *("extension", "paragraph", "appendix", "boeing", "airbus", "windows", "python", "iphone", "apollo"),
        "motorway",
        *("sector", "locker", "runway", "ward", "cabin", "chapter's", "build", "release", "mach", "junction"),
        *("pages", "chapters", "rooms", "verses", "sections", "gates", "platforms", "episodes", "seasons", "volumes"),
        *("pin", "code", "zip", "postcode", "id", "isbn", "act", "unit", "level", "porsche"),
    }
)
# Likewise, unless a plural follows, which the number would count: "the table two chairs".
OFTEN_NUMBERED = frozenset(
    {
        *("figure", "table", "line", "question", "lesson", "module", "item", "article", "option", "track", "lane"),
        *("exit", "zone", "district", "seat", "row", "aisle", "bay", "form", "rule", "model", "part", "book", "size"),
        *("questions", "lines", "exits", "lesson", "pier", "grade", "problem", "exercise", "camera", "studio", "slide"),
        *("box", "port", "rfc"),
    }
)
PLURAL_NUMBERED = frozenset(
    {
        *("pages", "chapters", "rooms", "verses", "sections", "gates", "platforms", "episodes", "seasons", "volumes"),
        *("questions", "lines", "exits"),
    }
)
# "one" is a pronoun before these: "on that page one could read".
AFTER_PRONOUN = frozenset(
    {
        *("of", "can", "could", "must", "should", "might", "would", "may", "who", "that", "which", "day", "more", "or"),
        *("cannot", "can't", "never", "thing", "another", "has", "needs", "finds", "sees"),
    }
)
# Before "one": it is a pronoun or an adjective.
BEFORE_PRONOUN = frozenset(
    {
        *("this", "that", "no", "every", "each", "any", "which", "another", "some", "only", "the", "last", "next"),
    }
)
# A string of digits after "... is" is one where one of these stands before.
CODES = frozenset(
    {
        *("pin", "code", "passcode", "password", "account", "zip", "postcode", "order", "serial", "id", "invoice"),
        *("reference", "card", "ticket", "tracking", "confirmation", "policy", "passport", "license", "licence"),
        *("case", "model", "extension", "sort", "routing", "member", "customer", "security", "combination", "isbn"),
        *("address", "registration"),
    }
)
# After these, a string of digits may also come some words later: "the code to the door is".
SECRETS = frozenset({"pin", "code", "passcode", "password", "combination", "account"})
PHONES = frozenset({"number", "phone", "telephone", "cell", "mobile", "fax", "line", "hotline", "landline"})
DIALS = frozenset({"dial", "call", "ring", "text", "phone", "press", "enter", "type", "fax"})
STREETS = frozenset(
    {
        *("street", "avenue", "road", "lane", "drive", "boulevard", "court", "place", "way", "terrace", "parkway"),
        *("square", "crescent", "highway"),
    }
)
# After "the thirty second": a time of thirty seconds.
LAST_SECONDS = frozenset(
    {
        *("delay", "clip", "rule", "ad", "timer", "countdown", "pitch", "elevator", "spot", "commercial", "video"),
        *("intro", "break", "pause", "mark", "window", "timeout", "sprint", "plank", "interval", "exposure", "limit"),
        *("trailer", "teaser", "warning", "gap", "lead", "penalty", "rest", "burst", "loop", "cooldown", "silence"),
        *("hold", "demo", "preview", "recording", "ads", "clips", "videos", "spots", "intervals", "increments"),
    }
)
# After "a hundred and fifty percent": the article is this word's, and stays.
AFTER_PERCENT = frozenset(
    {
        *("increase", "decrease", "rise", "drop", "chance", "discount", "raise", "markup", "gain", "loss", "return"),
        *("tax", "tariff", "stake", "share", "improvement", "reduction", "jump", "surge", "fall", "rate", "refund"),
        *("cut", "growth", "profit", "success", "margin", "premium", "bonus", "certainty", "effort", "solution", "fee"),
    }
)
# After "the thirty second": an ordinal. Otherwise, after "a", it is a time of thirty seconds.
AFTER_ORDINAL_SECOND = frozenset(
    {
        *("street", "avenue", "president", "floor", "birthday", "anniversary", "century", "annual", "time", "day"),
        *("week", "year", "edition", "place", "amendment", "state", "infantry", "regiment", "division", "parallel"),
        *("of", "chapter", "meeting", "psalm", "congress", "minute", "season", "episode", "district"),
    }
)

# Words ending in s that are no plurals.
NO_PLURALS = frozenset(
    {
        *("was", "is", "has", "this", "his", "its", "as", "us", "yes", "does", "it's", "that's", "there's", "thus"),
        *("perhaps", "always", "across", "less", "unless", "towards", "besides", "he's", "she's", "what's"),
        "afterwards",
        *("sometimes", "james", "charles", "congress", "indeed's", "who's", "here's", "let's", "plus", "versus"),
        "minus",
        *("christmas", "was", "paris", "brings", "marks", "sees", "seems"),
    }
)
COUNTED = frozenset(
    {"people", "men", "women", "children", "sheep", "fish", "feet", "percent", "per", "head", "different"}
)
# After "in two thousand": what shows that the number ended the phrase.
AFTER_YEAR = frozenset(
    {
        *("", "the", "we", "he", "i", "she", "they", "and", "when", "it", "there", "but", "was", "a", "an", "my"),
        "you",
        *("our", "his", "her", "their", "after", "before", "because", "with", "for", "as", "to", "at", "by", "on"),
        "or",
    }
)
# A singular that measures: "two twenty dollar bills" are not 220.
MEASURING = frozenset(
    {
        *("dollar", "pound", "euro", "minute", "second", "hour", "day", "week", "month", "year", "mile", "foot"),
        *("inch", "meter", "metre", "page", "man", "watt", "gallon", "ounce", "liter", "litre", "piece", "cent"),
        *("something", "somethings", "story", "storey", "seat", "bedroom", "point"),
    }
)
# Likewise, before a plural: "two twelve volt batteries".
SIZES = frozenset(
    {
        *("millimeter", "millimetre", "centimeter", "centimetre", "kilogram", "kilo", "gram", "milligram"),
        *("milliliter", "millilitre", "megabyte", "gigabyte", "terabyte", "volt", "amp", "ton", "tonne"),
    }
)
SCORES = frozenset({"score", "threescore", "fourscore"})

ERAS = {
    ("b", "c", "e"): "B.C.E.",
    ("b", "c"): "B.C.",
    ("bc",): "B.C.",
    ("bce",): "B.C.E.",
    ("a", "d"): "A.D.",
}
HALVES_OF_DAY = {
    ("a", "m"): "a.m.",
    ("p", "m"): "p.m.",
    ("am",): "a.m.",
    ("pm",): "p.m.",
}
# What is said with numbers and written in its own way; None stays as spoken. By the first word, the longest first.
IDIOMS: dict[str, list[tuple[tuple[str, ...], str | None]]] = {
    "twenty": [(("twenty", "four", "seven"), "24/7"), (("twenty", "twenty", "vision"), "20/20")],
    "fifty": [(("fifty", "fifty"), "50-50")],
    "ten": [(("ten", "four"), "10-4")],
    "nine": [(("nine", "times", "out", "of", "ten"), None), (("nine", "eleven"), "9/11")],
    "seven": [(("seven", "eleven"), "7-Eleven")],
    "eleventh": [(("eleventh", "hour"), None)],
    "twelfth": [(("twelfth", "night"), None)],
    "three": [(("three", "d"), "3D")],
    "two": [(("two", "d"), "2D")],
    "four": [(("four", "k"), "4K"), (("four", "g"), "4G")],
    "eight": [(("eight", "k"), "8K")],
    "five": [(("five", "g"), "5G")],
    "a": [(("a", "thousand", "and", "one"), None), (("a", "hundred", "and", "ten", "percent"), "110%")],
}
ROMAN = {"one": "I", "two": "II", "three": "III"}
