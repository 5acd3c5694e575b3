"""What the demo's team wants done, and the sentences that its people say, ask and remember."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wish:
    """A requirement: the module it belongs to, its title, why somebody wants it, and its acceptance criteria."""

    module: str
    title: str
    why: str
    criteria: tuple[str, ...]


# The first of a project are the furthest on: see STATES in requirements.py.
WISHES: dict[str, tuple[Wish, ...]] = {
    "demo-shop": (
        Wish(
            "checkout",
            "Hold the price while a customer pays",
            "Three customers a week see another total after the bank's page than before it.",
            (
                "The total does not change between payment and receipt",
                "A voucher that is added later opens a new payment",
                "The receipt names the total that was paid",
            ),
        ),
        Wish(
            "accounts",
            "Log in by a link in a mail",
            "A fifth of the questions to support are forgotten passwords.",
            (
                "A link works once and for thirty minutes",
                "A mail scanner that opens it does not use it up",
                "Passwords still work",
            ),
        ),
        Wish(
            "search",
            "Find plants by their common names",
            "Buyers search for names that the growers do not use.",
            (
                "Each plant may have ten further names",
                "Names are found with and without plural",
                "A name without a plant stands in the weekly list",
            ),
        ),
        Wish(
            "cart",
            "Keep the cart from phone to laptop",
            "People choose on the phone and pay on the laptop.",
            ("After login both carts are one", "Quantities are not added up", "Nothing is lost when both are open"),
        ),
        Wish(
            "catalogue",
            "Filter the catalogue by light",
            "Light is what people ask about first in the shop's chat.",
            (
                "Three steps: shade, half shade, sun",
                "The filter stands in the address",
                "It can be combined with height",
            ),
        ),
        Wish(
            "checkout",
            "Offer guests an account after the payment",
            "A third of the buyers are guests and come back without their history.",
            ("Asked once, after the receipt", "The order is in the new account"),
        ),
        Wish(
            "catalogue",
            "Show the pot sizes of a plant on one page",
            "Sizes of one plant are five products today.",
            ("One page with a choice of sizes", "Old addresses lead there", "Stock is shown by size"),
        ),
        Wish(
            "search",
            "Suggest near words when nothing is found",
            "A tenth of the searches end on an empty page.",
            (
                "Up to three words",
                "None when the best is far off",
                "Measured: searches without a hit below four per cent",
            ),
        ),
        Wish(
            "cart",
            "Say in the cart when a price has changed",
            "Totals that move silently bring complaints.",
            ("A line names the old and the new price", "It goes away when it has been seen"),
        ),
        Wish(
            "accounts",
            "Let customers close their account",
            "The law asks for it, and support does it by hand.",
            ("Orders stay without a name", "A mail confirms it", "It can be undone for seven days"),
        ),
        Wish(
            "checkout",
            "Gift wrapping as a choice at checkout",
            "Every December a hundred people ask for it by mail.",
            ("One choice with a price", "A card of 200 letters", "The packing list shows it first"),
        ),
        Wish(
            "catalogue",
            "Care letters as pages, not as files",
            "The files cannot be found by search and are unreadable on phones.",
            ("One page a plant", "Printable on one sheet"),
        ),
        Wish(
            "search",
            "Remember the last five searches",
            "People repeat their search after each plant they look at.",
            ("Shown when the box is focused", "Can be emptied", "Not kept for guests"),
        ),
        Wish(
            "accounts", "Log in with a social network", "Some competitors offer it.", ("One click from the login page",)
        ),
        Wish(
            "cart",
            "Reserve plants in the cart for half an hour",
            "Customers were angry when a rare plant was gone at checkout.",
            ("A clock in the cart", "The place is free again after thirty minutes"),
        ),
    ),
    "demo-dispatch": (
        Wish(
            "routing",
            "Load heavy pots last",
            "Unloading around them costs each tour twenty minutes.",
            (
                "The loading list begins with the last stop",
                "Heavy means above twelve kilograms",
                "The planner can move a stop by hand",
            ),
        ),
        Wish(
            "tracking",
            "Show three states instead of nine",
            "Customers call to ask what the words mean.",
            ("Packed, on its way, delivered", "Support still sees all scans", "Old links work"),
        ),
        Wish(
            "slots",
            "Hold a slot while the customer pays",
            "People pay and then hear that their slot is gone.",
            ("Held for ten minutes", "Given back when payment fails", "Never more than the capacity"),
        ),
        Wish(
            "labels",
            "Three signs for a plant's needs on the label",
            "Drivers put cacti in the cold corner.",
            ("Cold, sun and this side up", "Readable from two metres", "No sign when nothing is special"),
        ),
        Wish(
            "carriers",
            "Leave a failing carrier out for ten minutes",
            "Waiting for a dead service holds up packing.",
            ("Five failures in a row", "The packing screen names the carrier", "It comes back by itself"),
        ),
        Wish(
            "routing",
            "Use our own travel times",
            "The map is a quarter too quick in the old town.",
            ("Median of the last eight weeks", "By weekday and hour", "Falls back to the map below five tours"),
        ),
        Wish(
            "slots",
            "A euro off for evening slots",
            "Evenings are cheaper for us and half empty.",
            ("Shown beside the slot", "Counts in the total", "Can be switched off by area"),
        ),
        Wish(
            "tracking",
            "Text message two stops before",
            "One in twelve customers is not at home.",
            ("Sent once", "With the driver's first stop only after consent", "Not after nine in the evening"),
        ),
        Wish(
            "carriers",
            "Check weights before choosing a carrier",
            "Trees are refused at the gate.",
            ("31.5 kg is the limit of the first carrier", "The next one is chosen by price"),
        ),
        Wish(
            "labels",
            "Void a label from the packing screen",
            "Wrong labels are thrown away and still count.",
            ("The number cannot be used again", "The list of the day shows it"),
        ),
        Wish(
            "routing",
            "Plan a second tour at noon",
            "Orders until eleven could arrive the same day.",
            ("Only with a free van", "The morning's tours do not change"),
        ),
        Wish(
            "slots",
            "Weekly calendar for each area",
            "A new area needs forty clicks.",
            ("Copied from another area", "Holidays are left out"),
        ),
        Wish(
            "carriers",
            "Wait when frost is forecast",
            "Plants that freeze on the way are paid twice.",
            ("Below minus five at either end", "The customer chooses to wait or to cancel"),
        ),
        Wish("tracking", "Live map from the depot on", "Customers like maps.", ("The van moves on the map",)),
        Wish(
            "labels",
            "Colour labels by tour",
            "Parcels of two tours get mixed at the ramp.",
            ("Six colours", "Also told by a letter"),
        ),
    ),
    "demo-warehouse": (
        Wish(
            "stock",
            "Keep stock as a ledger of moves",
            "Nobody can say where plants have gone.",
            ("Each move has a reason", "A place never falls below zero", "The sum of the hall within a second"),
        ),
        Wish(
            "picking",
            "Sort lists by the way of the aisles",
            "Pickers walk eleven kilometres a day.",
            ("By number within the letter", "The cold room last", "Measured: eight kilometres or less"),
        ),
        Wish(
            "scanners",
            "Scan without reception",
            "The far end of the greenhouse has none.",
            ("Twenty thousand scans are kept", "Nothing is booked twice", "A sound when the store is nearly full"),
        ),
        Wish(
            "returns",
            "Refund on the day a case is closed",
            "Waiting for the monthly run brings a letter a week.",
            ("At most one refund a case", "The customer gets a mail"),
        ),
        Wish(
            "receiving",
            "Announcements of growers the evening before",
            "Places cannot be prepared.",
            ("By file or by form", "Differences show at the gate", "No announcement, no gate time"),
        ),
        Wish(
            "picking",
            "Claim a list when it is opened",
            "Two pickers took the same list.",
            ("The second one sees who has it", "Given back after ten minutes of silence"),
        ),
        Wish(
            "stock",
            "Count a tenth of the places each week",
            "The yearly count closes the hall.",
            ("Places by chance, rare plants twice", "Differences need a second count"),
        ),
        Wish(
            "scanners",
            "Buttons that gloves can hit",
            "In winter every third tap misses.",
            ("Fourteen millimetres at least", "Tried in the cold room"),
        ),
        Wish(
            "returns",
            "Make pictures smaller before sending",
            "Large pictures fail without a word.",
            ("Below 2 MB", "A message when the picture cannot be read"),
        ),
        Wish(
            "receiving",
            "Match unknown numbers once and keep it",
            "The same numbers are matched by hand each week.",
            ("Kept for each grower", "Can be undone"),
        ),
        Wish(
            "picking",
            "Suggest a replacement for a missing plant",
            "Trolleys wait for an answer.",
            ("Only with the customer's consent", "Never dearer for the customer"),
        ),
        Wish(
            "stock",
            "Warn when a plant runs out within three days",
            "Growers need two days.",
            ("From the sales of the last two weeks", "One mail a day"),
        ),
        Wish(
            "receiving",
            "Photograph damaged trays at the gate",
            "Claims without a picture are refused.",
            ("From the scanner", "Sent with the difference"),
        ),
        Wish(
            "returns",
            "Pay returns in vouchers only",
            "It would keep the money in the house.",
            ("No refunds to the bank",),
        ),
        Wish(
            "scanners",
            "Voice instead of sounds",
            "New pickers do not know the sounds.",
            ("Two languages", "Can be switched off"),
        ),
    ),
    "demo-platform": (
        Wish(
            "builds",
            "Split tests by measured time",
            "One half takes three times as long.",
            (
                "Both halves within a minute of each other",
                "Times are taken from the last ten builds",
                "New tests count as average",
            ),
        ),
        Wish(
            "deploys",
            "Undo with the same button",
            "Nobody has ever tried the manual.",
            ("The last three versions", "Below five minutes", "Written into the log"),
        ),
        Wish(
            "queue",
            "Tell a person after eight tries",
            "Failing jobs hide for days.",
            ("One message a kind and hour", "With a link to the job", "The job can be run again by hand"),
        ),
        Wish(
            "database",
            "Restore the backup every week",
            "Nobody knows whether it works.",
            ("Into a spare machine", "Row counts are compared", "A line in the weekly report"),
        ),
        Wish(
            "logs",
            "Group alerts by cause",
            "212 messages in one night.",
            ("One message in ten minutes", "It names how many there were", "The end is told too"),
        ),
        Wish(
            "deploys",
            "Readiness asks database and queue",
            "A version without a database was switched on.",
            ("Within a second", "Not asked by outsiders"),
        ),
        Wish(
            "builds",
            "Open a requirement for a flaky test",
            "Reruns hide races.",
            ("Once a test and week", "With both logs"),
        ),
        Wish(
            "queue",
            "Give nightly jobs minutes of their own",
            "Forty thousand jobs start at midnight.",
            ("Drawn from the job's name", "The same each night"),
        ),
        Wish(
            "database",
            "Move reports to the replica",
            "A report held up a migration.",
            ("All reports but the day's", "They say how old their data is"),
        ),
        Wish(
            "logs",
            "Keep no addresses in logs",
            "Customers' addresses stood in the log.",
            ("Allowed fields only", "Old lines are removed", "A test reads the log of a failing order"),
        ),
        Wish(
            "deploys",
            "List flags older than a month",
            "Nineteen flags are on for all.",
            ("With the person who added it", "A requirement for each"),
        ),
        Wish(
            "builds",
            "Answer within four minutes",
            "People stop waiting after six.",
            ("Measured over a week", "No test is left out"),
        ),
        Wish(
            "queue",
            "Show the three queues on the wall",
            "The tables ask why labels are late.",
            ("Length and oldest job", "Red above ten seconds"),
        ),
        Wish("logs", "Keep every log line for two years", "It might be of use.", ("Nothing is ever removed",)),
        Wish(
            "database",
            "Remove orders older than two years from the main table",
            "Half of the rows are hardly read.",
            ("They stay readable", "Reports give the same sums"),
        ),
    ),
}

# Username, role, the projects they see (empty: all), and what they are.
PEOPLE: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("demo-owner", "owner", (), "runs the team and decides what is promoted"),
    (
        "demo-lead",
        "admin",
        ("demo-shop", "demo-dispatch", "demo-warehouse", "demo-platform"),
        "leads the engineers and reviews",
    ),
    ("demo-pm", "collaborator", ("demo-shop", "demo-dispatch", "demo-warehouse"), "writes most of the requirements"),
    ("demo-backend", "collaborator", ("demo-shop", "demo-dispatch", "demo-platform"), "works on servers and data"),
    ("demo-frontend", "collaborator", ("demo-shop", "demo-warehouse"), "works on pages and the scanners' screens"),
    ("demo-hall", "collaborator", ("demo-warehouse", "demo-dispatch"), "knows the hall and the vans"),
    ("demo-ops", "admin", ("demo-platform",), "keeps the machines running"),
    ("demo-guest", "guest", ("demo-shop",), "looks on from outside"),
)

# Prompts that each project has; {project} and {first} are put in.
PROMPTS: tuple[tuple[str, str], ...] = (
    (
        "Review the change in {project}",
        "Read the diff against main. Look for lost errors, missing locks, queries in loops and texts that a customer would not understand. Answer with a list: file, line, what is wrong, what would be right. Say so when nothing is.",
    ),
    (
        "Write tests first in {project}",
        "Write the tests that the acceptance criteria ask for, see them fail, then make them pass with the least code. Use the real database. Tell at the end which criterion each test holds.",
    ),
    (
        "Find what changed before this failed in {project}",
        "From the error's first time go back through deploys, migrations and settings. Name the change that is most likely, how sure you are, and the quickest way to find out.",
    ),
    (
        "Prepare the week's report of {project}",
        "Sum up the decisions, errors and finished requirements of the last seven days in at most 200 words. Link each by its title. Leave out what only engineers care for.",
    ),
    (
        "Tidy the memories of {project}",
        "Look at the hygiene report. Confirm what is still true after checking it in the code, propose to archive the rest, and name titles that say the same thing twice.",
    ),
    (
        "Plan a safe migration in {project}",
        "Split the change into steps that each leave the running version working. For each step: the lock it takes, how long, and how to undo it. Start from [[{first}]].",
    ),
    (
        "Explain a module of {project} to a new colleague",
        "Ten sentences at most: what it is for, what goes in and out, the table it owns, the decision one has to know, and the error one will meet first.",
    ),
    (
        "Measure before and after in {project}",
        "Write a script that measures the thing in question over a thousand repetitions, run it on main and on the branch on the same machine, and answer with both medians and both 95th percentiles.",
    ),
)

FEEDBACK: tuple[str, ...] = (
    "Say what was measured and on which machine; 'faster' alone is no result.",
    "Ask before adding a package; two of the last four could be ten lines of our own.",
    "Keep pull requests below four hundred lines; larger ones wait for days.",
    "Do not rename and change in the same commit.",
    "Write the reason into the commit, the what is in the diff.",
    "Never loosen a test to make it pass; tell why it is wrong first.",
    "Texts on pages are for customers of seventy years, too.",
    "Show a refusal in words with the next step, never a code alone.",
    "When a criterion cannot be met, say so on the requirement before working around it.",
    "Look at the page on a phone before calling it done.",
    "Comments tell why; what the code does it says itself.",
    "Finish with the command that shows that it works.",
    "Leave formatting of untouched lines alone.",
    "A migration without a way back needs a second pair of eyes.",
    "Name the requirement in the first line of the summary.",
    "Prefer one question at the start to three guesses at the end.",
)

PREFERENCES: dict[str, tuple[str, str]] = {
    "demo-owner": (
        "reads reports on Monday mornings and wants numbers first",
        "wants to be asked before anything that costs more than ten dollars a run",
    ),
    "demo-lead": (
        "reviews between nine and eleven and again at four",
        "prefers three small pull requests to one large one",
    ),
    "demo-pm": (
        "writes criteria as sentences that a tester can tick off",
        "wants a picture of the page with each finished requirement",
    ),
    "demo-backend": (
        "works in short branches and rebases",
        "runs the tests of the touched module first, the others before handing in",
    ),
    "demo-frontend": ("tries pages at 390 pixels first", "wants forms to work without scripts"),
    "demo-hall": (
        "can be reached in the hall until two in the afternoon only",
        "names places by letter and number, never by aisle",
    ),
    "demo-ops": ("deploys by day and never after three on Fridays", "wants every setting in one file with its reason"),
    "demo-guest": ("reads along and asks once a week", "cares for the shop only"),
}

COMMENTS: tuple[str, ...] = (
    "I tried this on {machine}: the second criterion holds, the first one not yet on a slow line.",
    "@demo-pm do we mean this for guests as well?",
    "For guests as well, yes. I have put it into the text.",
    "This touches the same table as last week's change; see [[{choice}]].",
    "@demo-lead can you look at the migration? It takes a lock for about a second.",
    "Looked at it. Fine by day, not during the nightly import.",
    "We measured it before: about {share} per cent of the people would notice.",
    "@demo-hall does that fit what you see in the mornings?",
    "It does, but only from Tuesday to Thursday.",
    "Let us keep the first version small and leave the exception for later.",
    "The error '{fault}' will come back if we do not think of it here.",
    "@demo-owner this one is ready to be promoted, I think.",
)

# Why something went aside or back; those of rejected and on_hold in the order of the projects.
REASONS: dict[str, tuple[str, ...]] = {
    "rejected": (
        "It would give our customers' data away for little; the link by mail does the same.",
        "It tells strangers where a driver is. Two stops before is enough.",
        "The law gives people their money back, and so do we.",
        "Nobody has ever looked at a line older than three weeks.",
    ),
    "on_hold": (
        "We want to see first what the other searches bring.",
        "Waits for the new carrier's contract in two weeks.",
        "Needs the new scanners, which come next month.",
        "First the queues have to be split.",
    ),
    "promoted": ("The session ended without a result; the branch is kept.", "Given back: the test data was missing."),
    "in_progress": (
        "The second criterion does not hold on a phone yet.",
        "Please add a test for two at the same moment.",
    ),
}

STEPS: tuple[str, ...] = (
    "Reading {file}",
    "Writing tests for {what}",
    "Running the tests",
    "Changing {file}",
    "Checking the criteria",
    "Measuring before and after",
    "Writing the summary",
)

SUMMARIES: dict[str, tuple[str, ...]] = {
    "success": (
        "Changed {what} so that it does what the criteria ask for. {tests} tests added, all pass; the suite took {minutes} minutes. Nothing else was touched.",
        "Found the cause in `{file}` and mended it with {tests} lines. The error could be shown by a test before and cannot any more.",
        "Reviewed the change in {what}: two remarks, both about wording. No lock is held longer than before.",
        "Measured {what}: median down from {before} ms to {after} ms over a thousand calls on the same machine.",
    ),
    "failed": (
        "Could not finish: the tests of {what} need a data set that is not here. What was done is on the branch.",
        "Stopped after the third try: the change in `{file}` breaks a test of another module, and I do not see why.",
    ),
}
