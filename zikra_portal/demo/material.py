"""What the demo's texts are made of: four projects, five modules each, with what was decided, broke and was learnt there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """A decision: what, why, and what it was chosen over."""

    title: str
    because: str
    instead_of: str


@dataclass(frozen=True)
class Fault:
    """An error that an agent met: its type, message, cause and what mended it."""

    kind: str
    message: str
    cause: str
    fix: str


@dataclass(frozen=True)
class Module:
    """A part of a project. what: a noun phrase for the middle of a sentence. columns: name and type of its main table."""

    name: str
    what: str
    file: str
    table: str
    columns: str
    choices: tuple[Choice, ...]
    faults: tuple[Fault, ...]
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DemoProject:
    """A project of the demo with its modules."""

    name: str
    description: str
    modules: tuple[Module, ...]


SHOP = DemoProject(
    "demo-shop",
    "The web shop for houseplants: catalogue, search, cart, checkout and accounts.",
    (
        Module(
            "checkout",
            "the checkout",
            "shop/checkout/steps.py",
            "checkout_session",
            "id uuid, cart_id uuid, step text, expires_at timestamptz, paid_at timestamptz",
            (
                Choice(
                    "Reserve stock when payment starts, not when a plant enters the cart",
                    "two thirds of the carts are never paid, and reserved plants looked sold out to everybody else",
                    "reserving in the cart for thirty minutes",
                ),
                Choice(
                    "One checkout page with three sections instead of three pages",
                    "on phones every page change lost about four per cent of the buyers",
                    "a page for address, delivery and payment each",
                ),
                Choice(
                    "Payments carry an idempotency key made from cart and total",
                    "a double tap on a slow line charged two customers twice",
                    "disabling the button in the browser alone",
                ),
            ),
            (
                Fault(
                    "TotalMismatch",
                    "order total 48.90 differs from payment 45.00",
                    "the voucher was taken off after the payment had been started",
                    "The total is frozen when payment starts; a later voucher opens a new payment.",
                ),
                Fault(
                    "SessionExpired",
                    "checkout session ended while the bank's page was open",
                    "the session lived fifteen minutes, and some banks ask for a second device",
                    "The session lives forty minutes once payment has started.",
                ),
                Fault(
                    "DuplicateOrder",
                    "order number taken twice at the turn of the month",
                    "the number was counted in the application and not by a sequence",
                    "Order numbers come from a database sequence; the counter is gone.",
                ),
            ),
            (
                (
                    "Buyers leave at the delivery date",
                    "Most who leave the checkout do so when no delivery within four days is offered.",
                ),
                (
                    "Guests are a third of all orders",
                    "A third of the orders comes from guests; asking them to register must stay after the payment.",
                ),
                (
                    "Vouchers are checked twice",
                    "A voucher is checked when it is typed and again when payment starts, because it may run out in between.",
                ),
            ),
        ),
        Module(
            "cart",
            "the cart",
            "shop/cart/lines.py",
            "cart_line",
            "cart_id uuid, product_id bigint, quantity int, added_at timestamptz",
            (
                Choice(
                    "Carts live in the database, keyed by a cookie",
                    "people begin on the phone and pay on the laptop, and the old carts were lost between them",
                    "keeping the cart in the browser's storage",
                ),
                Choice(
                    "A price change shows as a line in the cart",
                    "a total that moved silently brought complaints each week",
                    "keeping the price of the day it was added",
                ),
                Choice(
                    "Merge carts by the higher quantity at login",
                    "adding quantities up made people order pots twice",
                    "summing both carts",
                ),
            ),
            (
                Fault(
                    "IntegrityError",
                    "duplicate key in cart_line for one cart and product",
                    "two tabs added the same plant at the same moment",
                    "Adding is one upsert that raises the quantity.",
                ),
                Fault(
                    "NegativeQuantity",
                    "quantity -1 after three quick taps on minus",
                    "the browser sent the difference and not the wanted quantity",
                    "The form sends the wanted quantity; the server refuses anything below zero.",
                ),
                Fault(
                    "StalePrice",
                    "cart showed last week's price of a monstera",
                    "the price was cached with the line for seven days",
                    "Lines hold no price; it is read with the product.",
                ),
            ),
            (
                (
                    "A cart is forgotten after sixty days",
                    "The nightly job removes carts that nobody opened for sixty days; reminders go out on day two only.",
                ),
                (
                    "Pots are added with their plant",
                    "Seven of ten pots are bought from the box on the plant's own page, not from the pots' page.",
                ),
                (
                    "Cart writes double on Fridays",
                    "Writes to the cart double on Friday afternoon; avoid migrations on that table then.",
                ),
            ),
        ),
        Module(
            "catalogue",
            "the catalogue",
            "shop/catalogue/products.py",
            "product",
            "id bigint, slug text, name text, light text, height_cm int, price_cents int, hidden_at timestamptz",
            (
                Choice(
                    "Prices are whole cents in integers",
                    "rounding of tax differed by a cent between invoice and page",
                    "decimals in the application and floats in the feed",
                ),
                Choice(
                    "Plants are hidden, never deleted",
                    "old orders and care letters link to them for years",
                    "deleting what is no longer sold",
                ),
                Choice(
                    "Pictures are resized on upload into three fixed widths",
                    "resizing on request took half a second for the first visitor of each size",
                    "an image server that resizes on the fly",
                ),
            ),
            (
                Fault(
                    "MemoryError",
                    "import of the supplier's list used 3 GB and was ended",
                    "the whole file was read before the first row was written",
                    "The import streams rows and writes them by five hundred.",
                ),
                Fault(
                    "UnicodeDecodeError",
                    "supplier file is Latin-1 though its header says UTF-8",
                    "one grower exports from an old spreadsheet",
                    "The encoding is detected from the first kilobytes, and the file is refused when in doubt.",
                ),
                Fault(
                    "SlugTaken",
                    "two ferns got the same address",
                    "the slug left the pot size out",
                    "The slug ends with the pot size; old addresses redirect.",
                ),
            ),
            (
                (
                    "Light is the filter people use",
                    "Of all filters the amount of light is used most, then height; colour is hardly used.",
                ),
                (
                    "Botanical names need italics",
                    "Growers insist on italics for botanical names; the field for the name holds the plain text and a template sets them.",
                ),
                (
                    "The supplier's list comes at five",
                    "The list of the growers comes at about five in the morning and changes a tenth of the rows.",
                ),
            ),
        ),
        Module(
            "search",
            "the shop's search",
            "shop/search/query.py",
            "search_log",
            "id bigint, words text, results int, clicked_id bigint, at timestamptz",
            (
                Choice(
                    "Search by full text and trigrams in the database",
                    "four thousand products need no search server of their own",
                    "running a separate search cluster",
                ),
                Choice(
                    "Common names are synonyms kept in a table",
                    "buyers write 'snake plant' and the growers another name each",
                    "asking the growers to use one name",
                ),
                Choice(
                    "Searches without a hit show the nearest words",
                    "nearly a tenth of all searches had no hit, mostly for a slip of the keyboard",
                    "an empty page with the newest plants",
                ),
            ),
            (
                Fault(
                    "QuerySyntaxError",
                    "search for 'pots & soil' failed",
                    "the words were passed on as query syntax",
                    "Words are turned into a plain query; no sign has a meaning.",
                ),
                Fault(
                    "Timeout",
                    "search took 9 s for a pasted paragraph",
                    "each of two hundred words became a trigram comparison",
                    "Only the first twelve words count.",
                ),
                Fault(
                    "EmptyResults",
                    "no results at all after the nightly import",
                    "the import wrote new rows before their search column was filled",
                    "The column is generated by the database in the same statement.",
                ),
            ),
            (
                (
                    "Ten words make half of the searches",
                    "The ten most frequent words make half of all searches; their answers are worth a look after each release.",
                ),
                (
                    "People search for gifts in December",
                    "From the first of December 'gift' and 'small' come up; they lead nowhere without synonyms.",
                ),
                (
                    "Plural and singular must meet",
                    "'Ferns' and 'fern' have to find the same; the stemmer of the database does that for common names only.",
                ),
            ),
        ),
        Module(
            "accounts",
            "customer accounts",
            "shop/accounts/login.py",
            "customer",
            "id bigint, mail text, name text, verified_at timestamptz, closed_at timestamptz",
            (
                Choice(
                    "Log in by a link in a mail, passwords optional",
                    "forgotten passwords were a fifth of all questions to support",
                    "longer password rules",
                ),
                Choice(
                    "Closing an account keeps orders and forgets the person",
                    "the books need the orders for ten years, the name they do not need",
                    "deleting rows, which broke the yearly report",
                ),
                Choice(
                    "Sessions last ninety days on known devices",
                    "people come back every six weeks on average",
                    "logging everybody out after two weeks",
                ),
            ),
            (
                Fault(
                    "LinkUsedTwice",
                    "login link said it was used before it was clicked",
                    "a mail scanner opened every link in the mail",
                    "The link opens a page with a button; only the button logs in.",
                ),
                Fault(
                    "MailBounced",
                    "welcome mails to one provider bounced for a day",
                    "the new sending address had no signature yet",
                    "The address is signed; a check of all addresses runs before each release.",
                ),
                Fault(
                    "CaseMismatch",
                    "customer could not log in with a capital letter in the address",
                    "mail addresses were compared letter by letter",
                    "Addresses are folded when stored and when compared.",
                ),
            ),
            (
                (
                    "Most accounts hold one order",
                    "Six of ten accounts hold a single order; the page of past orders must not look empty with one.",
                ),
                (
                    "Support looks up by order number",
                    "Support finds people by order number, hardly ever by mail; keep that box first.",
                ),
                (
                    "Login mails arrive in eight seconds",
                    "The median login mail arrives after eight seconds; above a minute people ask for a second one.",
                ),
            ),
        ),
    ),
)

DISPATCH = DemoProject(
    "demo-dispatch",
    "Planning the vans: routes, time slots, labels, carriers and tracking.",
    (
        Module(
            "routing",
            "route planning",
            "dispatch/routing/plan.py",
            "route_stop",
            "route_id bigint, position int, order_id bigint, planned_at timestamptz, done_at timestamptz",
            (
                Choice(
                    "Plan routes at four in the morning and once more at noon",
                    "drivers want a list that stays as it is while they load",
                    "planning anew with every order",
                ),
                Choice(
                    "Heavy pots are loaded last and delivered first",
                    "unloading around them cost each tour twenty minutes",
                    "loading by postcode alone",
                ),
                Choice(
                    "Travel times come from our own tours of the last eight weeks",
                    "the map's times were a quarter too short in the old town",
                    "the map's times plus a fixed share",
                ),
            ),
            (
                Fault(
                    "PlanTooLong",
                    "tour of 11 h planned for a van with one driver",
                    "breaks were left out of the sum",
                    "Breaks count as stops with a length of their own.",
                ),
                Fault(
                    "UnknownAddress",
                    "3 of 212 addresses had no coordinates",
                    "new streets are missing in the map until it is renewed",
                    "Such stops fall back to the middle of their postcode and are marked for the planner.",
                ),
                Fault(
                    "RecursionError",
                    "swapping stops went on without end",
                    "two swaps undid each other because of equal costs",
                    "A swap must save at least one second.",
                ),
            ),
            (
                (
                    "The bridge closes on Sundays",
                    "The eastern bridge is closed on Sunday mornings; tours over it take twenty-five minutes more.",
                ),
                (
                    "Ninety stops are the limit",
                    "A van holds ninety stops of average size; above eighty the drivers begin to stack.",
                ),
                (
                    "Planning takes forty seconds",
                    "Planning a day of six vans takes about forty seconds on one core and hardly gains from a second one.",
                ),
            ),
        ),
        Module(
            "tracking",
            "parcel tracking",
            "dispatch/tracking/events.py",
            "tracking_event",
            "id bigint, order_id bigint, kind text, at timestamptz, van_id int",
            (
                Choice(
                    "Tracking shows three states only",
                    "customers called to ask what 'sorted at hub' means",
                    "showing every scan",
                ),
                Choice(
                    "The van's position is shown when two stops are left",
                    "showing it earlier told strangers where a driver was all day",
                    "a live map from the depot on",
                ),
                Choice(
                    "Events are kept for thirteen months",
                    "claims may come a year later, and the month after is for the office",
                    "keeping them for ever",
                ),
            ),
            (
                Fault(
                    "OutOfOrder",
                    "delivered came before out for delivery",
                    "the scanner was offline and sent its events later",
                    "Events are ordered by the scanner's clock, corrected by its last contact.",
                ),
                Fault(
                    "TooManyRequests",
                    "tracking page refused customers at nine",
                    "the page asked every two seconds though nothing changes that often",
                    "It asks every thirty seconds and stops in the background.",
                ),
                Fault(
                    "MissingEvent",
                    "42 orders stayed 'on the van' over night",
                    "drivers end the tour without scanning refused parcels",
                    "Ending a tour asks for each parcel that is left.",
                ),
            ),
            (
                (
                    "Nine in the morning is the peak",
                    "Half of a day's look-ups come between eight and ten; the answer is cached for twenty seconds then.",
                ),
                (
                    "Clocks of scanners drift",
                    "The old scanners lose about four seconds a day; correct them at each contact.",
                ),
                (
                    "A text message is read in three minutes",
                    "Text messages are read within three minutes, mails within two hours.",
                ),
            ),
        ),
        Module(
            "labels",
            "label printing",
            "dispatch/labels/render.py",
            "label",
            "id bigint, parcel_id bigint, printer text, printed_at timestamptz, voided_at timestamptz",
            (
                Choice(
                    "Labels are printed from the packing table's own queue",
                    "one slow printer held up all six tables",
                    "a queue for the whole hall",
                ),
                Choice(
                    "A plant's needs are on the label as three signs",
                    "drivers left cacti in the cold corner and ferns in the sun",
                    "a line of text that nobody read",
                ),
                Choice(
                    "Void a label instead of printing it again",
                    "two labels with one number sent a parcel to the wrong van",
                    "printing again with the same number",
                ),
            ),
            (
                Fault(
                    "PrinterOffline",
                    "table 4 printed nothing for an hour and nobody knew",
                    "the queue took the jobs and kept silent",
                    "A job that waits for a minute shows on the table's screen and on the wall.",
                ),
                Fault(
                    "BarcodeUnreadable",
                    "one in thirty labels failed at the gate",
                    "the bars were scaled to the paper's width",
                    "Bars are drawn in whole dots of the printer.",
                ),
                Fault(
                    "EncodingError",
                    "umlauts printed as question marks",
                    "the printer's font has another table of characters",
                    "Names are sent as an image of the line.",
                ),
            ),
            (
                (
                    "Thermal paper fades in the sun",
                    "Labels fade within a week behind a window; returns need the number printed on the slip too.",
                ),
                (
                    "A roll lasts for eleven hundred labels",
                    "Ask for a new roll at one thousand; the printer's own sensor is late.",
                ),
                (
                    "Labels are printed in pairs",
                    "Two labels a parcel: one for the box, one for the list of the driver.",
                ),
            ),
        ),
        Module(
            "carriers",
            "outside carriers",
            "dispatch/carriers/book.py",
            "carrier_booking",
            "id bigint, order_id bigint, carrier text, reference text, state text, booked_at timestamptz",
            (
                Choice(
                    "Carriers sit behind one interface of five verbs",
                    "the second carrier had leaked into eleven files",
                    "an adapter per page",
                ),
                Choice(
                    "Book at four in the afternoon for the whole day",
                    "single bookings cost a fee each",
                    "booking with every parcel",
                ),
                Choice(
                    "A carrier that fails five times is left out for ten minutes",
                    "waiting for a dead service held up the packing tables",
                    "trying again until it answers",
                ),
            ),
            (
                Fault(
                    "ConnectionReset",
                    "carrier closed the connection after 60 bookings",
                    "they allow sixty bookings a minute and tell nobody",
                    "Bookings are spread over the minute, fifty at most.",
                ),
                Fault(
                    "WeightRefused",
                    "booking of a 32 kg olive tree was refused at the gate",
                    "the limit of 31.5 kg was only in their manual",
                    "The limit is checked before the carrier is chosen.",
                ),
                Fault(
                    "DuplicateBooking",
                    "one parcel booked twice after a timeout",
                    "the first booking had succeeded after we had given up waiting",
                    "Bookings carry our own reference, and a timeout asks for it first.",
                ),
            ),
            (
                (
                    "The second carrier delivers on Saturdays",
                    "Only the second carrier delivers plants on Saturdays, for orders until Thursday noon.",
                ),
                (
                    "Frost stops all plants",
                    "Below minus five degrees no carrier takes plants; orders wait and the customer is told.",
                ),
                (
                    "Claims need a picture within three days",
                    "A damaged plant is paid for when the picture arrives within three days.",
                ),
            ),
        ),
        Module(
            "slots",
            "delivery slots",
            "dispatch/slots/offer.py",
            "delivery_slot",
            "id bigint, area text, starts_at timestamptz, capacity int, taken int",
            (
                Choice(
                    "Slots are two hours long",
                    "one hour was missed by every fifth tour, four hours kept people at home all day",
                    "slots of one hour",
                ),
                Choice(
                    "Capacity is counted in stops, weighted by size",
                    "ten palms are not ten pots of basil",
                    "counting orders",
                ),
                Choice(
                    "A slot is held for ten minutes while one pays",
                    "people paid and then heard that the slot was gone",
                    "taking it with the payment",
                ),
            ),
            (
                Fault(
                    "Overbooked",
                    "Saturday morning had 14 orders for 12 places",
                    "two payments read the count at the same moment",
                    "Taking a place locks the slot's row.",
                ),
                Fault(
                    "WrongDay",
                    "slots of the last Sunday in October were off by an hour",
                    "times were stored without their zone",
                    "Slots are stored with the zone of their area.",
                ),
                Fault(
                    "NoSlots",
                    "a new postcode was offered nothing",
                    "its area was made without a calendar",
                    "An area without a calendar is refused when it is saved.",
                ),
            ),
            (
                (
                    "Saturday is full by Wednesday",
                    "Saturday mornings are full by Wednesday noon in spring; show Friday evening first.",
                ),
                (
                    "Evening slots are cheaper for us",
                    "Evenings have a third less traffic; a discount of a euro fills them.",
                ),
                (
                    "One in twelve is not at home",
                    "One in twelve customers is not at home in their slot, one in thirty after a text message.",
                ),
            ),
        ),
    ),
)

WAREHOUSE = DemoProject(
    "demo-warehouse",
    "The greenhouse and its hall: stock, picking, receiving, returns and scanners.",
    (
        Module(
            "stock",
            "stock keeping",
            "warehouse/stock/ledger.py",
            "stock_move",
            "id bigint, product_id bigint, place text, quantity int, reason text, at timestamptz",
            (
                Choice(
                    "Stock is a ledger of moves, never a number that is overwritten",
                    "nobody could say where nine lemon trees had gone",
                    "one quantity per place",
                ),
                Choice(
                    "Count a tenth of the places each week",
                    "the yearly count closed the hall for two days and was wrong by spring",
                    "counting everything in January",
                ),
                Choice(
                    "Plants that wilt are written off by the gardener, not by the system",
                    "rules by age threw away plants that were fine",
                    "writing off after thirty days",
                ),
            ),
            (
                Fault(
                    "NegativeStock",
                    "place B-14 holds -3 basil",
                    "picking was booked before receiving had been confirmed",
                    "Receiving is booked at the gate; picking below zero is refused with the place's last moves.",
                ),
                Fault(
                    "Deadlock",
                    "two pickings waited for each other's places",
                    "places were locked in the order of the list",
                    "Places are locked in the order of their names.",
                ),
                Fault(
                    "SlowSum",
                    "stock of the whole hall took 6 s",
                    "the ledger of three years was summed for each page",
                    "A daily balance is kept; only today's moves are added to it.",
                ),
            ),
            (
                (
                    "The ledger grows by nine thousand rows a day",
                    "Nine thousand moves a day in spring, two thousand in winter.",
                ),
                (
                    "Pots are counted in stacks",
                    "Clay pots are counted in stacks of ten; single ones go to the return shelf.",
                ),
                (
                    "Cold room places start with K",
                    "Places that start with K are kept below twelve degrees; no tropical plants there.",
                ),
            ),
        ),
        Module(
            "picking",
            "order picking",
            "warehouse/picking/lists.py",
            "pick_list",
            "id bigint, picker text, started_at timestamptz, finished_at timestamptz, lines int",
            (
                Choice(
                    "Pick eight orders at once onto one trolley",
                    "the way through the hall is the same for one order or eight",
                    "one order after the other",
                ),
                Choice(
                    "Lists follow the way of the aisles",
                    "pickers walked eleven kilometres a day",
                    "the order of the lines in the order",
                ),
                Choice(
                    "A missing plant is replaced by the picker, with the customer's consent in the order",
                    "waiting for an answer held trolleys for hours",
                    "asking the customer each time",
                ),
            ),
            (
                Fault(
                    "ListVanished",
                    "picker's list was empty after a restart of the tablet",
                    "the list lived in the page and not in the database",
                    "Each tick is sent at once and read back when the page opens.",
                ),
                Fault(
                    "WrongAisle",
                    "lists began at the far end of the hall",
                    "aisle 10 was sorted before aisle 2",
                    "Places are sorted by number within their letter.",
                ),
                Fault(
                    "TwoPickers",
                    "one list was picked by two people",
                    "opening a list did not claim it",
                    "Opening claims it; a second picker is told who has it.",
                ),
            ),
            (
                (
                    "A line takes twenty-two seconds",
                    "An experienced picker needs twenty-two seconds a line, a new one forty.",
                ),
                (
                    "Trolleys are full at eight",
                    "Eight average orders fill a trolley; an order with a tree counts as three.",
                ),
                ("Mistakes happen at shift's end", "Half of the wrong picks fall into the last hour of a shift."),
            ),
        ),
        Module(
            "returns",
            "returns",
            "warehouse/returns/inspect.py",
            "return_case",
            "id bigint, order_id bigint, reason text, condition text, refunded_at timestamptz",
            (
                Choice(
                    "Living plants are refunded by picture and not sent back",
                    "they do not survive the way back",
                    "a label for every return",
                ),
                Choice(
                    "Money goes back the day the case is closed",
                    "waiting for the monthly run brought a letter a week",
                    "refunds once a month",
                ),
                Choice(
                    "Five reasons and a free line, no more",
                    "of nineteen reasons twelve were never chosen",
                    "the carrier's list of reasons",
                ),
            ),
            (
                Fault(
                    "RefundTwice",
                    "two refunds for one pot",
                    "closing a case again started a second refund",
                    "A case keeps the number of its refund and starts no other.",
                ),
                Fault(
                    "UploadTooLarge",
                    "pictures of 14 MB were refused without a word",
                    "the proxy's limit was lower than ours",
                    "The page makes pictures smaller before it sends them and says so when it cannot.",
                ),
                Fault(
                    "CaseWithoutOrder",
                    "returns from a fair had no order",
                    "sales at the fair are written in another book",
                    "A case may name a receipt instead.",
                ),
            ),
            (
                (
                    "Frost is the winter's reason",
                    "From December to February two of three cases are frost; the answer is the same each time.",
                ),
                ("Repotted plants come back less", "Plants that were repotted before sending come back half as often."),
                (
                    "Pictures decide in a minute",
                    "With two pictures a case is decided in a minute, without it takes two days.",
                ),
            ),
        ),
        Module(
            "receiving",
            "goods receiving",
            "warehouse/receiving/gate.py",
            "delivery_note",
            "id bigint, grower text, announced int, received int, checked_at timestamptz",
            (
                Choice(
                    "Check one trolley in five, all of them for new growers",
                    "full checks made the lorries wait past noon",
                    "checking everything",
                ),
                Choice(
                    "Growers announce deliveries the evening before",
                    "places could not be prepared for what nobody knew of",
                    "planning from the orders to growers",
                ),
                Choice(
                    "Differences are noted and settled weekly",
                    "arguing at the gate cost both sides the morning",
                    "refusing a delivery that differs",
                ),
            ),
            (
                Fault(
                    "UnknownArticle",
                    "grower's number 77-120 is not known",
                    "the grower had changed the pot size and the number with it",
                    "Unknown numbers open a line to be matched by hand, and the match is kept.",
                ),
                Fault(
                    "CountMismatch",
                    "announced 400, received 40",
                    "one file counts trays and the other plants",
                    "Each grower has a unit; a difference by the tray's size is pointed out.",
                ),
                Fault(
                    "GateBlocked",
                    "two deliveries held one gate",
                    "a delivery that was cancelled kept its time",
                    "Cancelling gives the time back.",
                ),
            ),
            (
                (
                    "Lorries come from six to eight",
                    "Nine of ten lorries come between six and eight; the gate's screen must not be restarted then.",
                ),
                ("Trays hold twelve or eighteen", "Trays hold twelve, from two growers eighteen."),
                ("Quarantine is aisle Q", "Plants with pests stay in aisle Q for ten days and are not offered."),
            ),
        ),
        Module(
            "scanners",
            "the hand scanners",
            "warehouse/scanners/sync.py",
            "scan",
            "id uuid, device text, code text, at timestamptz, sent_at timestamptz",
            (
                Choice(
                    "Scanners keep working offline and send later",
                    "the far end of the greenhouse has no reception",
                    "asking the server for each scan",
                ),
                Choice(
                    "Each scan has an id made on the device",
                    "scans that were sent twice were booked twice",
                    "telling doubles apart by time",
                ),
                Choice(
                    "One sound for right and one for wrong",
                    "nobody looks at the screen while walking",
                    "a message that has to be closed",
                ),
            ),
            (
                Fault(
                    "ClockSkew",
                    "scan lay two hours in the future",
                    "the device had been in another time zone's charger set",
                    "Times from the future are set to the moment of arrival.",
                ),
                Fault(
                    "QueueFull",
                    "scanner 7 lost 60 scans",
                    "its queue held five hundred and dropped the oldest",
                    "The queue holds twenty thousand and stops with a sound when it is full.",
                ),
                Fault(
                    "BadChecksum",
                    "torn labels were read as other plants",
                    "the check digit was not checked",
                    "Codes with a wrong check digit give the wrong sound.",
                ),
            ),
            (
                ("Batteries last seven hours", "A battery lasts for seven hours in summer, five in the cold room."),
                ("Gloves need large targets", "Below fourteen millimetres a target is missed with gloves."),
                (
                    "Wet codes are read at the second try",
                    "Wet labels are mostly read at the second try; do not count the first as an error.",
                ),
            ),
        ),
    ),
)

PLATFORM = DemoProject(
    "demo-platform",
    "What the others stand on: builds, database, queue, logs and deploys.",
    (
        Module(
            "builds",
            "the builds",
            "platform/builds/run.sh",
            "build",
            "id bigint, branch text, started_at timestamptz, finished_at timestamptz, passed boolean",
            (
                Choice(
                    "Tests run in two halves by measured length",
                    "one half by file names took three times as long as the other",
                    "splitting by directory",
                ),
                Choice(
                    "A test that fails and then passes opens a requirement",
                    "rerunning until green hid two real races for weeks",
                    "up to three reruns",
                ),
                Choice(
                    "Builds use the pinned packages only",
                    "a patch release of a library broke main on a Sunday",
                    "the newest that fits",
                ),
            ),
            (
                Fault(
                    "DiskFull",
                    "builds failed with no space left",
                    "old images were never removed",
                    "Images older than a week go each night.",
                ),
                Fault(
                    "FlakyTest",
                    "test of the reminder mail failed after midnight UTC",
                    "it compared days in two time zones",
                    "The test fixes its clock, and the code names its zone.",
                ),
                Fault(
                    "CacheMiss",
                    "each build installed all packages anew",
                    "the key held the time of the file",
                    "The key is a checksum of the pins.",
                ),
            ),
            (
                ("A build takes six minutes", "Six minutes from push to answer; above ten people stop waiting for it."),
                ("Browser tests are a third of it", "A third of the build's time is browser tests; they run last."),
                (
                    "Main was red for two hours in all",
                    "Over the last month main was red for two hours in all, most of it on one day.",
                ),
            ),
        ),
        Module(
            "database",
            "the database",
            "platform/database/settings.conf",
            "schema_change",
            "id bigint, name text, applied_at timestamptz, seconds numeric, locked boolean",
            (
                Choice(
                    "Columns are added empty, filled in batches, then required",
                    "one migration locked the orders for four minutes",
                    "a single migration with a default",
                ),
                Choice(
                    "One connection pool per process, twelve at most",
                    "the database answered slower above eighty connections",
                    "a connection per request",
                ),
                Choice(
                    "Restore the backup into a spare machine each week",
                    "a backup that nobody restored is a hope",
                    "checking the file's size",
                ),
            ),
            (
                Fault(
                    "LockTimeout",
                    "migration 0041 gave up after 5 s",
                    "a report held the table since morning",
                    "Reports read from the replica; migrations set a lock timeout and try again.",
                ),
                Fault(
                    "TooManyConnections",
                    "remaining slots are kept for superusers",
                    "a worker opened a connection per task and kept it",
                    "Workers close what is idle for a minute.",
                ),
                Fault(
                    "BloatedIndex",
                    "index on tracking events took 9 GB for 2 GB of rows",
                    "rows are updated three times each",
                    "It is rebuilt concurrently each month; two of the updates are gone.",
                ),
            ),
            (
                (
                    "The replica lags by two seconds",
                    "Two seconds at most by day; up to a minute during the nightly import.",
                ),
                (
                    "Orders table holds four million rows",
                    "Four million rows, half of them older than two years and hardly read.",
                ),
                (
                    "Vacuum runs after the import",
                    "Autovacuum is too late after the import; the job ends with a vacuum of its own.",
                ),
            ),
        ),
        Module(
            "queue",
            "the job queue",
            "platform/queue/worker.py",
            "job",
            "id uuid, kind text, attempts int, run_at timestamptz, done_at timestamptz",
            (
                Choice(
                    "Jobs are written with the data, in one transaction",
                    "a lost message left orders without a label",
                    "sending after the commit and hoping",
                ),
                Choice(
                    "Three queues: now, soon, tonight",
                    "reminder mails held up labels",
                    "priorities from one to ten",
                ),
                Choice(
                    "Give up after eight tries and tell a person",
                    "a job that failed for a week had hidden among the retries",
                    "trying for ever",
                ),
            ),
            (
                Fault(
                    "PoisonMessage",
                    "one job crashed four workers in turn",
                    "its picture could not be decoded and took the process along",
                    "Pictures are opened in a child process with a memory limit.",
                ),
                Fault(
                    "StuckWorker",
                    "nothing was done for nine minutes",
                    "a call without a timeout waited for a dead service",
                    "Every call has a timeout; a watchdog ends a worker that is silent.",
                ),
                Fault(
                    "ThunderingHerd",
                    "forty thousand jobs at 00:00",
                    "all nightly jobs started on the same second",
                    "Each starts at a minute of its own, drawn from its name.",
                ),
            ),
            (
                ("Labels wait for a second", "A label waits for about a second; above ten the tables notice."),
                (
                    "Two workers are enough until May",
                    "Two workers keep up until the season; then a third for six weeks.",
                ),
                ("Mails are the longest queue", "Mails make nine of ten jobs and a tenth of the work."),
            ),
        ),
        Module(
            "logs",
            "logs and measurements",
            "platform/logs/ship.py",
            "alert",
            "id bigint, rule text, fired_at timestamptz, resolved_at timestamptz, woke_someone boolean",
            (
                Choice(
                    "An alert that needs nobody is a line in the log",
                    "of sixty alerts a week four needed a person",
                    "alerting on every error",
                ),
                Choice(
                    "Logs are lines of JSON with the order's number",
                    "searching by free text took longer than mending",
                    "a sentence per event",
                ),
                Choice(
                    "Keep logs for thirty days, sums for two years",
                    "nobody ever looked at a line older than three weeks",
                    "keeping everything",
                ),
            ),
            (
                Fault(
                    "AlertStorm",
                    "212 messages in one night",
                    "each worker sent its own alert for one dead service",
                    "Alerts are grouped by cause and sent once in ten minutes.",
                ),
                Fault(
                    "MissingLogs",
                    "no lines from the second machine since Tuesday",
                    "its disk was full and the shipper kept silent",
                    "Silence of a machine is an alert itself.",
                ),
                Fault(
                    "PrivateData",
                    "addresses of customers stood in the log",
                    "the whole request was logged when it failed",
                    "Requests are logged by allowed fields only; the old lines are gone.",
                ),
            ),
            (
                (
                    "Half of all lines say the same",
                    "Half of the lines are health checks; they are counted and not kept.",
                ),
                ("Nights are quiet now", "Two alerts at night within a month, both true."),
                (
                    "The order's number is in every line",
                    "With the order's number one finds a customer's whole day in seconds.",
                ),
            ),
        ),
        Module(
            "deploys",
            "deploys",
            "platform/deploys/roll.py",
            "deploy",
            "id bigint, version text, by text, started_at timestamptz, rolled_back_at timestamptz",
            (
                Choice(
                    "Deploy by day, several times, never after three on Fridays",
                    "small changes are found and undone quickly",
                    "one large release every other week",
                ),
                Choice(
                    "Switch features on by flag, a tenth of the visitors first",
                    "the new checkout lost orders for an hour before anybody saw it",
                    "switching on for all with the deploy",
                ),
                Choice(
                    "Undo is the same button as deploy",
                    "the way back was a page of text that nobody had tried",
                    "a manual for emergencies",
                ),
            ),
            (
                Fault(
                    "HealthCheckFailed",
                    "new version answered, but without the database",
                    "the check only asked whether the process lives",
                    "Readiness asks the database and the queue.",
                ),
                Fault(
                    "OldAssets",
                    "pages without style for two minutes after a deploy",
                    "the old machine answered for new file names",
                    "Files of the last three versions stay in place.",
                ),
                Fault(
                    "ConfigDrift",
                    "second machine ran with last month's setting",
                    "the file was edited by hand once",
                    "Settings come from one place; a difference stops the deploy.",
                ),
            ),
            (
                ("A deploy takes four minutes", "Four minutes, one machine after the other, without a lost request."),
                ("Eleven deploys a week", "Eleven deploys in an average week; one in forty is undone."),
                (
                    "Flags are removed after a month",
                    "A flag that is on for all for a month is removed; nineteen are left.",
                ),
            ),
        ),
    ),
)

PROJECTS = (SHOP, DISPATCH, WAREHOUSE, PLATFORM)
