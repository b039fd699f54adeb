# The texts of the console. Every language has every message, with the same variables.

app-name = Tenantry
skip-to-content = Skip to content
sandbox-banner = This is a sandbox: nothing here is real, and its clock stands still.

nav-label = Main
nav-home = Home
nav-customers = Customers
nav-sessions = Sessions
nav-sign-out = Sign out
crumbs-label = You are here

role-admin = Admin
role-operator = Operator
role-billing = Billing
role-viewer = Viewer
role-auditor = Auditor
role-owner = Owner
role-customer = Member

sign-in-title = Sign in
sign-in-key = API key
sign-in-key-hint = The key that you were given when your user was created. It starts with “tnt_”, unless your administrator has chosen another. It is used once to sign you in, and not kept in this browser.
sign-in-submit = Sign in
sign-in-key-missing = Enter your API key
sign-in-key-expired = This key has expired. Ask your administrator for a new one.
sign-in-key-wrong = This key does not exist any more, or has never existed. Copy it again, or ask your administrator for a new one.
sign-in-insecure = Signing in needs an encrypted connection. Open this page with https://. If it is, the server has to know it: see --public-url and --trusted-proxies.

ended-idle = You were signed out because this session was not used for 12 hours. Sign in again to go on where you were.
ended-age = You were signed out because you signed in 7 days ago. Sign in again to go on where you were.
ended-key = You were signed out because the key that you signed in with was rotated or revoked, or has expired. Sign in with your new key.
ended-user = You were signed out because your user was deleted. Ask your administrator.
ended-roles = You were signed out because your roles have changed. Sign in again.
ended-elsewhere = You were signed out: this session was ended, here or in another browser. Sign in again.
ended-unsent = What you sent was not taken: do it again on the page that comes then.
ended-signed-out = You are signed out.
ended-everywhere = You are signed out everywhere.

dialog-cancel = Cancel
form-problem = There is a problem

error-request-id = Request { $id }
error-to-home = Go to the home page
error-to-sign-in = Go to the sign-in page
error-form-title = This form was not sent
error-form-advice = The page that you sent it from is out of date: you have signed in again since, or it was opened at another address. Go back, load the page again, and repeat what you typed. Nothing was changed.
error-unreadable-title = This form cannot be read
error-unreadable-advice = It did not arrive whole, or is too large. Go back and send it again. Nothing was changed.
error-key-title = You are not signed in
error-key-advice = Sign in with your API key.
error-forbidden-title = You do not have access
error-forbidden-advice = Ask your administrator if you need it.
error-missing-title = There is no such page
error-missing-advice = Check the address. What you look for may have been deleted.
error-invalid-title = This cannot be done
error-invalid-advice = Go back, change what is wrong, and try again. Nothing was changed.
error-changed-title = Somebody else has changed this
error-changed-advice = It has changed since you opened the page. Go back, load the page again, and repeat your change.
error-conflict-title = Not now
error-conflict-advice = Nothing was changed. Go back, and look at how things are now.
error-running-advice = Something else has to end first. Wait a moment, then try again. Nothing was changed.
error-busy-title = Too many requests
error-busy-advice = Wait a moment, then load the page again.
error-unknown-title = We do not know whether this was done
error-unknown-advice = The connection to the database broke at the wrong moment. Look whether the change is there before you repeat it.
error-unavailable-title = This cannot be reached just now
error-unavailable-advice = Something that Tenantry needs does not answer. Nothing was changed. Try again in a minute; if it lasts, tell the operator of this server.
error-internal-title = Something went wrong
error-internal-advice = This is a fault of the server. Try again; if it happens again, tell whoever runs it, with the request’s number below.

done-session-ended = That session is signed out.

list-range = { $from }–{ $to } of { $total }
list-range-about = { $from }–{ $to } of about { $total }
list-pages = Pages
list-previous = Previous
list-next = Next

value-none = None

home-title = Home
home-attention = Needs attention
home-nothing = Nothing needs your attention.
home-since = Since
home-recent = Recently changed customers
home-all-count = { $count ->
    [one] Show the one customer
   *[other] Show all { $shown } customers
}
home-directory-failing = The directory of tenants cannot be read
home-trials-ending = { $count ->
    [one] One trial ends within 14 days
   *[other] { $shown } trials end within 14 days
}
home-show-run = Show this month
home-run-failed = The run of { $month } has failed
home-held-back = Bills of { $month } were held back
home-unassigned = Money of { $month } is on no bill
home-months = Billed months
home-chart = Charges of the last months, as in the table below
home-show-customers = Show these customers

customers-title = Customers
customers-count = { $count ->
    [one] One customer
   *[other] { $shown } customers
}
customers-none = There are no customers yet.
customers-none-advice = Customers that you create, here or with the API, are listed here.
customers-no-match = No customer matches.
customers-no-match-advice = Use fewer filters, or a shorter part of the name.
customers-about = { $count ->
    [one] About one customer
   *[other] About { $shown } customers
}
customers-csv = Download as CSV
customers-csv-first = Download the first { $count } as CSV
customers-columns = Choose columns
customers-columns-submit = Show these columns
customers-choose-one = Choose { $customer }
customers-change-chosen = Change the chosen customers
customers-change-title = Change several customers
customers-change-chosen-legend = Chosen customers
customers-change-legend = What should change for all of them?
customers-change-access-with = Their users get access
customers-change-access-without = Their users lose access
customers-change-billing-on = They are billed
customers-change-billing-off = They are no longer billed
customers-change-set-tag = They get a tag
customers-change-remove-tag = They lose a tag
customers-change-tag = Tag to add
customers-change-tag-hint = Such as env=prod. It replaces a tag with the same key.
customers-change-key = Key of the tag to remove
customers-change-submit = Change these customers
customers-change-missing = Choose what should change
customers-change-tag-missing = Enter the tag to add
customers-change-key-missing = Enter the key of the tag to remove
customers-change-nobody = Choose at least one customer
customers-changed-title = Changed customers
customers-changed-count = { $count ->
    [0] No customer was changed.
    [one] One customer was changed.
   *[other] { $shown } customers were changed.
}
customers-changed = Changed
customers-unchanged = Already so
customers-refused = Not changed
customers-changed-gone = The customer is not there any more.
customers-changed-meanwhile = Somebody else keeps changing this customer. Try again.
customers-changed-back = Back to the list

column-customer = Customer
column-access = Access
column-trial = Trial
column-billing = Billing
column-tags = Tags
column-changed = Last changed
column-id = ID
column-country = Country
column-outcome = Result
column-tenant = Azure tenant
column-tenant-id = Tenant ID
column-assigned = Assigned
column-browser = Browser
column-address = Address
column-signed-in = Signed in
column-last-seen = Last used
column-action = Action

filter-name = Name contains
filter-access = Access
filter-trial = Trial
filter-billing = Billing
filter-tag = Tag
filter-order = Order
filter-any = Any
filter-submit = Search
filter-clear = Clear filters

order-newest = Newest first
order-oldest = Oldest first
order-name = Name
order-changed = Last changed

access-with = With access
access-without = Without access
trial-active = Active
trial-ending = Ends within 14 days
trial-ended = Ended
trial-until = Until
trial-none = No trial
billing-on = Billed
billing-off = Not billed
billing-problem = Not healthy
billing-problem-title = Bills cannot be written:

customer-overview = Overview
customer-address = Address
customer-contact = Billing contact
customer-margin = Margin
customer-folder = Folder
customer-id = Customer ID
customer-external-id = External ID
customer-created = Created
customer-tenants = Azure tenants
customer-no-tenants = No Azure tenant is assigned.
customer-no-tenants-advice = Assign one so that its costs appear on this customer’s bills.
customer-no-tenants-reader = Without one, no costs appear on this customer’s bills.
customer-tenants-more = { $count ->
    [one] The customer has one tenant.
   *[other] The customer has { $shown } tenants; the first are shown.
}
tenant-missing = Not in the directory since

nav-directory = Directory
nav-audit = Audit trail

done-tenants-assigned = The tenants were assigned.

directory-title = Directory
directory-connection = Connection
directory-kind = Connected to
directory-file = A file on the server
directory-partner-center = Microsoft Partner Center
directory-status = Status
directory-working = Working
directory-reading = The list is being read
directory-failing = Failing
directory-read = List last read
directory-never-read = Not yet
directory-cut-off = The list was cut off
directory-none = No directory is connected.
directory-none-advice = Without one, tenant IDs are taken as they are typed. The operator of this server connects Partner Center, or a file of tenants, with this command:
directory-assignment = Assignment
directory-assigned = Assigned
directory-unassigned = Not assigned
directory-not-assigned = Not assigned
directory-no-match = No tenant matches.
directory-empty = There are no Azure tenants yet.
directory-empty-advice = They appear when the directory is read, or when one is assigned to a customer.
directory-choose = Choose
directory-choose-one = Choose { $tenant }
directory-assign = Assign the chosen tenants
directory-count = { $count ->
    [one] One tenant
   *[other] { $shown } tenants
}

assign-title = Assign tenants
assign-tenants = Chosen tenants
assign-customer = Their customer
assign-choose = Which customer pays for them?
assign-more = More customers match. Search for a part of the name.
assign-submit = Assign
assign-customer-missing = Choose a customer

audit-title = Audit trail
audit-object = Object
audit-user-id = User number
audit-since = From (UTC)
audit-until = Before (UTC)
audit-time = Time
audit-who = Who
audit-user = User { $id }
audit-server = The server
audit-before-after = Before and after
audit-before = Before
audit-after = After
audit-newest = Newest week
audit-none = Nothing happened in this time.
audit-none-advice = Search an earlier time, or with fewer filters. Without filters, the last seven days are shown.
audit-verify = Verify the trail
audit-verify-title = Verification of the audit trail
audit-verify-good = Nothing was changed, added or removed
audit-verify-good-so-far = So far nothing was changed, added or removed
audit-verify-bad = { $count ->
    [one] One thing is wrong
   *[other] { $shown } things are wrong
}
audit-verify-advice = Tell the operator of this server. Leave the database as it is, and compare it with a backup.
audit-verify-all = All { $total } events were checked, up to { $last }.
audit-verify-part = Events { $from } to { $to } of { $total } were checked, up to { $last }.
audit-verify-none-left = No event follows. There are { $total }.
audit-verify-erased = { $count ->
    [one] One of them tells less of a person than it did, as it was told to.
   *[other] { $shown } of them tell less of a person than they did, as they were told to.
}
audit-verify-next = Check the events that follow
audit-verify-faults = What is wrong
audit-verify-place = Where
audit-verify-what = What
audit-verify-more = { $count ->
    [one] And one more.
   *[other] And { $shown } more.
}
audit-verify-compared = What was compared
audit-verify-time = Checked
audit-verify-users = Users and keys
audit-verify-users-compared = Held against the events that made them
audit-verify-users-not-compared = Not compared: that takes all events at once. The operator of this server can do it with the command tenantry admin audit verify
audit-anchor = Anchor
audit-anchor-about = The anchor is a note outside of the database of where the trail ended. Only the anchor shows that events at the end were cut off, or that an older state of the database was put back.
audit-anchor-agrees = Agrees
audit-anchor-differs = Differs
audit-anchor-unreadable = Cannot be read now
audit-anchor-of = As of
audit-anchor-none = This server keeps none
audit-fault-event = Event { $id }
audit-fault-chain = Chain { $shard }
audit-fault-partner = Partner
audit-fault-gap = Events before this one are missing
audit-fault-altered = Is not what was written there
audit-fault-broken = Here the server itself found that the trail had been changed
audit-fault-replaced = What it says was replaced, and no event tells of that
audit-fault-mark = The mark where it begins is not what was written there
audit-fault-head = Its end is not signed by this server
audit-fault-end = Does not end at event { $id }, as it should
audit-fault-headless = Nothing says where it ends
audit-fault-missing = Is missing altogether
audit-fault-restarted = Has begun more than once: what it held before is missing
audit-fault-unannounced = No event tells of its beginning
audit-fault-creations = { $found } events tell of its creation, where there should be { $expected }
audit-fault-user = Is not what the trail tells of
audit-fault-database = Database
audit-fault-put-back = On { $at } the server found the database in an older state than its anchor knows: events may be missing

sessions-title = Sessions
sessions-intro = Browsers in which you are signed in. A session ends after 12 hours without use, and 7 days after you have signed in.
sessions-current = This browser
sessions-unknown-browser = Unknown browser
sessions-end-all = Sign out everywhere
sessions-end-all-confirm = Sign out of all browsers, this one too?

portal-no-bills-advice = The bill of a month appears here when your partner has made it.
portal-last-bill = Last bill
portal-months = The last twelve months
portal-chart = Bars: what you were charged in each of the last twelve months. The table below says the same.
portal-chart-table = As a table
portal-all-bills = All bills
portal-newer = Newer bills
portal-older = Older bills
portal-services = By service
portal-subscriptions = By subscription
column-service = Service
column-subscription = Subscription
part-other = Other
portal-partner = Your partner
portal-access-until = Your access ends

nav-billing = Billing
nav-users = Users
go-back = Back
save-changes = Save changes
copy = Copy
copied = Copied
done-customer-created = The customer was created.
done-customer-changed = The changes were saved.
done-customer-deleted = The customer was deleted.
done-user-changed = The changes were saved.
done-user-deleted = The user was deleted. Its sessions have ended.
done-key-revoked = The key was revoked.
done-run-started = The run was started.
done-run-released = The bills are being written.
done-run-cancelled = The run is being stopped.
done-run-withdrawn = The statements of this run were withdrawn.
done-run-finalizing = The statements are being made final.
role-hint-admin = Everything, users and keys too
role-hint-operator = Customers, tenants and customers’ users
role-hint-billing = Prices, bill runs and costs
role-hint-viewer = Reads customers
role-hint-auditor = Reads everything, the audit trail too
role-hint-owner = Sees the bills, and invites and removes users
role-hint-customer = Sees the bills
customers-create = Create a customer
customer-new-title = Create a customer
customer-edit-title = Change this customer
customer-create = Create the customer
customer-edit = Change
customer-delete = Delete
customer-deleted = Deleted customer
customer-variant = Where is the customer’s address?
customer-variant-hint = A tenant with an address in the Azure portal brings it along. Otherwise type the address.
customer-variant-tenant = In its Azure tenant
customer-variant-address = I will type it
customer-name-missing = Enter the customer’s name
customer-changed-meanwhile = Somebody else has changed this customer since you opened the form. Open it in a second window, compare, and load this page again before you repeat your change.
customer-delete-title = Delete { $name }?
customer-delete-intro = Its users lose their access at once, and its Azure tenants become unassigned. Bills that were published stay. This cannot be undone.
customer-delete-type = Type the customer’s name, { $name }, to go on
customer-delete-wrong = Type the name exactly as it stands above
customer-delete-billed = This customer has statements, or corrections that are on no statement yet. Its bills stay, and its days until now can still be billed, but it cannot be brought back.
customer-delete-force = Delete it all the same
customer-delete-submit = Delete this customer
field-choose = Choose a country
field-name = Name
field-tenant = Azure tenant ID
field-tenant-hint = Type a part of the name or the ID to find an unassigned tenant of your directory.
field-tenant-hint-none = As the Azure portal shows it under “Tenant ID”.
field-street1 = Street
field-street2 = Street, second line (optional)
field-city = Town or city
field-state = State, province or region
field-state-hint = In the United States the code, such as MA; elsewhere the full name, where the country has one.
field-zipcode = Postal code
field-country = Country
field-trial = Trial ends (UTC, optional)
field-trial-hint = From this moment on the customer’s users are locked out.
field-enabled = Write bills for this customer
field-folder-hint = Where its bills are stored, below your own folder.
field-margin = Margin in percent
field-margin-hint = The share of the charge that you keep, such as 12.5.
field-tags-hint = One in a line, such as env=prod.
field-email = E-mail address
field-person = Name (optional)
field-roles = Roles
field-key-expires = Key expires (UTC, optional)
field-key-expires-hint = Without it, the key lives until it is rotated or revoked.
field-key-name = Name of the key
field-key-name-hint = What the key is for. The audit trail tells keys apart.
field-month-hint = Such as 2026-10.
field-sources = Files of line items
field-sources-hint = One in a line, such as file:october.csv, which lies in the server’s folder of invoices.
field-invoice = Microsoft’s invoice number (optional)
field-invoice-hint = Only lines of this invoice are billed.
access-without-hint = You bill the customer; its users cannot sign in.
access-with-hint = Its users may sign in and see their bills.
column-user = User
column-key = API key
column-key-opens = Opens
column-month = Month
column-status = Status
column-total = Total
column-invoice = Microsoft’s invoice
column-cost = Cost
column-charge = Charge
column-profit = Profit
column-change = Change to last month
column-lines = Lines
column-reason = Reason
column-started = Started
column-amount = Amount
column-file = File
column-content = Content
users-title = Users
users-intro = People and programs of your company that use Tenantry.
users-intro-customer = People and programs of this customer. They see their own customer and its bills, and nothing else.
users-none = There are no users yet.
users-new = Create a user
users-create = Create the user
users-last-admin = This is the last administrator with a key. Make another one first.
user-own-roles = These are your own roles. If you change them, you have to sign in again.
user-own-key = These are your own keys. If you rotate or revoke the one that you signed in with, you are signed out.
user-key-none = This user has no key and cannot sign in.
user-keys = API keys
user-key-title = The new API key
user-key-intro = This is the key of { $email }:
user-key-once = Copy it now and hand it over safely. It is shown only this once and cannot be shown again.
user-rotate = Give a new default key
user-rotate-confirm = Give a new default key? The old one stops working at once, and sessions opened with it end.
user-revoke = Revoke all keys
user-revoke-confirm = Revoke all keys? They stop working at once, and sessions opened with them end.
user-delete = Delete this user
user-delete-intro = The keys stop working and all sessions end at once. What the user has done stays in the audit trail.
user-delete-confirm = Delete this user for good?
key-none = No key
key-live = Valid
key-until = Valid until
key-expired = Expired
key-never-used = Never
key-opens-all = All that the user may do
key-replaced = Replaced, and still valid
key-create = Create a key
key-revoke = Revoke
key-revoke-named = Revoke the key { $name }
key-revoke-confirm = Revoke this key? It stops working at once, and sessions opened with it end.
statements-title = Bills
statements-none = There are no bills yet.
status-final = Final
status-imported = { $status }, from an earlier platform
status-estimated = Estimate
statement-estimated = This is an estimate: it can change until the month is final.
statement-number = Number
statement-issued = Issued on
statement-due = Due by
statement-corrections = Corrections of earlier months
statement-files = Files
statement-no-files = This bill has no files.
file-bill = All lines, as a table (CSV)
file-focus = The same lines in the FOCUS format (CSV)
file-json = The statement for programs (JSON)
file-html = The statement to read and print (HTML)
billing-title = Billing
billing-none = No month was billed yet.
billing-none-advice = A run reads Microsoft’s line items of a month and writes a bill for each customer.
billing-start = Bill a month
billing-start-submit = Start the run
run-queued = Waiting
run-running = Running
run-succeeded = Done
run-failed = Failed
run-cancelled = Cancelled
run-waiting = Waiting for a worker.
run-reading = { $percent } % of the files are read, { $lines } lines so far.
run-leave = You may leave this page: the run goes on.
run-errors = Some bills could not be written
run-errors-failed = The run has failed, and no bills were written
run-unassigned = Money on no bill
run-unassigned-intro = You pay Microsoft for these lines, and no customer is billed for them. Assign the tenants to customers, then run the month again.
unassigned-no-customer = The tenant belongs to no customer
unassigned-billing-off = The customer is not billed
unassigned-billed-before = On a final bill already
run-held = Bills that were held back
run-held-intro = These bills go beyond a limit and were not published. Look at them, then release those that are right.
run-held-badge = Held back
run-release = Release the chosen bills
run-sums = Sums
run-ties = The bills and the rest add up to Microsoft’s files, to the last digit.
run-does-not-tie = The bills and the rest do not add up to Microsoft’s files.
sum-cost = Cost, without tax
sum-unassigned = Of it on no bill
sum-charge = Charged to customers
sum-held = Held back
sum-tax = Microsoft’s tax, on no bill
run-warnings = To look at
warning-accepted = accepted
warning-blocks-publishing = blocks the bills until it is accepted
warning-blocks-finalizing = blocks making the month final until it is accepted
run-customers = Customers
order-charge = Largest charge
order-profit = Smallest profit
order-change = Largest change
change-new = New
change-large = Over 20 %
run-loss = Loss
run-gone = Customers with a bill last month and none now
run-about = About this run
run-number = Run number
run-finalize = Make final
run-cancel = Cancel this run
run-withdraw = Withdraw
run-withdraw-confirm = Withdraw all statements of this month? Customers see them no longer.
finalize-title = Make { $month } final?
finalize-accept = Accept what stands against it
finalize-submit = Make final
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
users-more = { $count ->
    [one] There is one user.
   *[other] There are { $shown } users; the first are shown.
}
run-unassigned-count = { $count ->
    [one] One tenant in all.
   *[other] { $shown } tenants in all.
}
finalize-intro = { $count ->
    [one] One bill becomes what is owed. It cannot change any more; what comes in later is on the next month’s bill.
   *[other] { $shown } bills become what is owed. They cannot change any more; what comes in later is on the next month’s bills.
}
finalize-held = { $count ->
    [one] One bill is held back and stays out.
   *[other] { $shown } bills are held back and stay out.
}
finalize-unassigned = { $count ->
    [one] The money of one tenant is on no bill.
   *[other] The money of { $shown } tenants is on no bill.
}
done-run-published = The bills are published: customers see them as estimates.
run-publish = Publish
run-publish-confirm = Publish these bills? Customers see them as estimates from now on.
run-publish-anyway = Show them as they are, though what they were made by has changed
stage-draft = Drafts: customers do not see these bills yet.
stage-published = Published: customers see these bills as estimates.
stage-superseded = A later run has billed this month: go on there.
run-later = Show the later run
stage-final-in-part = Final: these bills are what is owed, but for those that were reversed.
run-reversed-badge = Reversed
stage-final = Final: these bills are what is owed.
stage-void = Reversed: final bills of this month were taken back.
status-void = Void
status-reversal = Reversal
status-withdrawn = Withdrawn

# Price rules
billing-months = Months
price-rules-title = Price rules
price-rules-intro = The first rule that matches a line makes its price. Where none does, the customer’s margin does.
price-rules-none = There are no price rules.
price-rules-none-advice = Every line is priced by the margin of its customer.
rule-new = Add a price rule
rule-edit-title = Change this price rule
rule-create = Add the rule
rule-position = Position
rule-position-hint = Rules are tried from the smallest position on. Empty: behind all others.
rule-price = Price
rule-lines = Lines
rule-lines-hint = The rule is for lines that have all of these. Leave empty what does not matter.
rule-all-lines = All lines
rule-days = Days
rule-always = All days
rule-from = From { $from }
rule-until = Before { $until }
rule-from-until = From { $from }, before { $until }
rule-price-margin = Margin of { $percent } %
rule-price-markup = Markup of { $percent } %
rule-price-discount = List price less { $percent } %
rule-price-list = List price
rule-price-fixed = { $price } each
rule-kind-margin = Margin
rule-kind-margin-hint = The share of the price that you keep: cost ÷ (1 − margin).
rule-kind-markup = Markup
rule-kind-markup-hint = On top of the cost: cost × (1 + markup).
rule-kind-discount = List price less a discount
rule-kind-fixed = Fixed price per unit
rule-percentage = Percentage
rule-percentage-hint = Such as 12.5.
rule-unit-price = Price per unit
rule-unit-price-hint = Such as 4.20.
rule-currency = Currency
rule-currency-hint = Its code, such as EUR.
rule-name-hint = What you call it. Customers do not see it.
rule-customer-hint = Its name. Empty: all customers.
rule-customer-unknown = There is no customer with this name. Choose one of the list, or copy the name from the customer’s page.
rule-publisher = Publisher
rule-publisher-hint = As Microsoft’s files name it, such as Microsoft.
rule-product = Product ID
rule-product-hint = Such as CFQ7TTC0LF8R.
rule-sku = SKU ID
rule-charge-type = Charge type
rule-charge-type-hint = As Microsoft’s files name it, such as new or cycleCharge.
rule-meter-category = Azure service
rule-meter-category-hint = The meter category, such as Storage.
rule-effective-from = First day (optional)
rule-effective-until = End (optional)
rule-effective-until-hint = The first day on which the rule does not hold any more.
rule-credit = Partner earned credit
rule-credit-default = As everywhere else
rule-credit-kept = You keep the earned credit
rule-credit-passed-on = The customer has the earned credit
rule-move-up = Move { $name } up
rule-move-down = Move { $name } down
rule-changed-meanwhile = Somebody else has changed this rule since you opened the form. Open it in a second window, compare, and load this page again before you repeat your change.
rule-delete-title = Delete { $name }?
rule-delete-intro = Runs that start from now on price its lines by the next rule that matches, or by the customer’s margin. Bills that are made stay as they are.
rule-delete-submit = Delete this rule
rule-try = Try on the last month
rule-try-hint = Trying shows which bills would change, and saves nothing.
rule-try-no-month = There is no month to try it on: none was billed yet.
rule-tried = Tried on { $month }
rule-try-changed = { $count ->
    [0] No bill changes.
    [one] One bill changes.
   *[other] { $shown } bills change.
}
rule-try-unchanged = { $count ->
    [0] There are no others.
    [one] One stays as it is.
   *[other] { $shown } stay as they are.
}
rule-try-saved-nothing = Nothing is saved yet.
rule-try-unused = No line of that month gets its price from this rule: none matches it, or a rule before it matches first.
rule-try-before = Charge now
rule-try-after = With the rule
rule-try-difference = Difference
rule-try-total = All bills
rule-try-more = { $count ->
    [one] One more bill changes by less.
   *[other] { $shown } more bills change by less.
}
rule-try-basis = “Charge now” is by the rules that are saved. Lines, customers and their margins are those of the last run of that month.
done-rule-created = The rule was added.
done-rule-changed = The changes were saved.
done-rule-deleted = The rule was deleted.
done-rule-moved = The order was changed.

# A bill
bill-parts = What it is made of
bill-by-day = By day
bill-previous = Month before
bill-as-customer = As the customer sees it
bill-customer = The customer
bill-costs = Costs and prices
bill-gone = On the bill of the month before, and not on this one:
bill-no-files = There are no lines to show: the bill is held back, or nothing on it is new.
bill-unreadable = Its lines cannot be read just now: the store of bills does not answer, or the files are not there. Try again in a minute; if it lasts, tell the operator of this server.
bill-too-long = This bill has too many lines to add them up on a page. Its files have all of them.
bill-lines-cut-off = This bill has very many lines. Only the first 200,000 are looked through here; its files have all of them.
bill-filter-text = Service, resource or subscription contains
bill-lines-count = { $count ->
    [one] One line
   *[other] { $shown } lines
}
bill-lines-none = No line matches.
bill-lines-none-advice = Use fewer filters, or a shorter text.
bill-more-parts = { $count ->
    [one] One more is not listed.
   *[other] { $shown } more are not listed.
}
column-day = Day
column-quantity = Quantity
column-unit-price = Unit price
part-rounding = Rounding
part-adjustments = Rounding and corrections
part-correction = Correction of { $month }
why-title = Why this price
why-made-by = Made by
why-made-from = From
why-owner = Owner
why-rule = Price rule “{ $name }”
why-margin = The customer’s margin
why-margin-since = The customer’s margin, { $percent } % since { $day }
why-margin-first = The customer’s margin, { $percent } % at first
why-margin-kept = you keep { $percent }
why-from-cost = The cost
why-from-before-credit = The cost before the partner earned credit
why-from-list = The list price
why-from-fixed = The fixed price
why-tenant = The customer has the tenant { $tenant }

# Single sign-on
nav-settings = Settings
sign-in-with-key = Or with an API key
sso-partner = Sign in at { $partner }
sso-customers = Sign in with Microsoft
sso-customers-hint = For customers of { $partner }
sso-stale = That sign-in took too long, was begun in another browser, or has been used already. Sign in again.
sso-declined = The provider did not sign you in. Try again; if that does not help, ask your administrator whether you may use this application.
sso-not-configured = There is no single sign-on here. Use the link that you were given, or sign in with an API key.
sso-provider = The provider of sign-ins did not answer as it has to. Try again in a minute; if that does not help, tell your administrator, who finds the reason in the server's log.
sso-email = Your provider did not send an e-mail address that it has verified. Ask your administrator.
sso-domain = Your e-mail address is not of a domain that may sign in here. Ask your administrator.
sso-tenant = Your Microsoft tenant does not belong to a customer here. Sign in with the account of your company, or ask your partner.
sso-unknown = There is no user with your e-mail address here. Ask your administrator to add you.
sso-linked = Your user is linked to another account. If your account was made again, ask your administrator to unlink the old one.
sso-settings-title = Single sign-on
sso-settings-intro = Users sign in with an account that they have already. A user has to be added here first, with the same e-mail address.
sso-redirect-uri = Redirect URI, for the registration with the provider
sso-sign-in-link = Sign-in page, for your users and customers
sso-for-partner = Your own users
sso-for-partner-intro = Any provider that speaks OpenID Connect: Microsoft Entra, Okta, Google, Keycloak.
sso-for-customers = Customers’ users
sso-for-customers-intro = Customers sign in with their own Microsoft tenant. Register a multi-tenant application with Microsoft Entra, with the optional claims email and xms_edov. Only tenants that are assigned to the customer are let in.
sso-is-set = On
sso-is-not-set = Off
sso-save = Save and check
sso-remove = Turn off
sso-remove-confirm = Turn this off? Those who signed in with it are signed out.
field-issuer = Issuer
field-issuer-hint = For Microsoft Entra: https://login.microsoftonline.com/YOUR-TENANT-ID/v2.0
field-authority = Microsoft’s address
field-authority-hint = https://login.microsoftonline.com, or the address of a national cloud
field-client-id = Client ID
field-client-secret = Client secret
field-client-secret-hint = Stored encrypted, and never shown again.
field-client-secret-kept = Leave it empty to keep the one that is stored.
field-domains = Allowed e-mail domains
field-domains-hint = With commas between them, such as example.com. Empty: all.
done-sign-in-saved = Saved. The provider was reached.
done-sign-in-removed = Turned off.

# Invitations
user-invite = Create an invitation
user-invite-intro = A link that signs this user in once, within 72 hours, without a key. An earlier link stops working.
invitation-link-title = Invitation
invitation-link-intro = Send this link to { $email }. It works once.
invitation-link-once = The link is shown only now, and signs in the first person who opens it.
invitation-until = Valid until
invitation-back = Back to the user
invitation-title = Sign in
invitation-partner = { $partner } has invited you.
invitation-used-title = This invitation has been used
invitation-used = An invitation works once. If you are still signed in in this browser, go on there.
invitation-late-title = This invitation has expired
invitation-late = An invitation works for 72 hours.
invitation-unknown-title = This invitation is not valid
invitation-unknown = It was replaced by a newer one, or the link is not complete. Look for a newer message, and copy the whole link.
invitation-ask = Ask { $email } for a new one.
invitation-ask-admin = Ask your administrator for a new one.
invitation-no-mail = This server sends no e-mail, so it cannot send you one by itself.

# Branding
branding-title = Branding
branding-intro = How customers see you: in the header of their pages, and where they sign in.
settings-label = Settings
field-brand-name = Name
field-brand-name-hint = Empty: your display name.
field-colour = Colour
field-colour-hint = The background of the header, such as #1f5fbf. The text on it becomes black or white, whichever is easier to read.
field-portal-host = Host of the portal
field-portal-host-hint = Such as portal.example.com. Point its DNS entry and its certificate at this server first. The sign-in page there offers your providers alone.
done-branding-saved = Saved.
field-logo = Logo
logo-current = Your logo
logo-file = Picture
logo-other = Another picture
logo-hint = PNG or WebP, at most 200 KB and 2048 × 2048 pixels. It is shown up to 48 pixels high, in place of the name; a transparent background suits every header.
logo-too-large = This file is larger than 200 KB. Choose a smaller one.
logo-save = Use this picture
logo-remove = Remove the logo
done-logo-saved = The logo was saved.
done-logo-removed = The logo was removed.

# The customer's own users
portal-users-intro = The people of your company who see these pages. Owners invite and remove them.
portal-users-you = You
portal-users-new = Invite a user
portal-users-email-hint = The address that the person signs in with. You get a link to send there.
portal-users-invite = Create the invitation
portal-users-own-role = This is your own role. If you give it up, you no longer see this page, and have to sign in again.
portal-users-remove = Remove this user
portal-users-remove-intro = The user is signed out at once, and no longer sees these pages.
portal-users-remove-own = This is you: you are signed out at once, and no longer see these pages.
portal-users-remove-confirm = Remove this user?
users-last-owner = This is the last owner. Make another user an owner first, or ask your partner.
field-role = Role
column-invitation = Open invitation
done-user-removed = The user was removed.

# Addresses by country
address-follow = Use this country
address-choose = Choose one
address-optional = { $label } (optional)
address-state-hint = The full name.
address-code-hint = Such as { $example }.
address-state-area = Area
address-state-county = County
address-state-department = Department
address-state-district = District
address-state-do-si = Province or city
address-state-emirate = Emirate
address-state-island = Island
address-state-oblast = Oblast
address-state-parish = Parish
address-state-prefecture = Prefecture
address-state-province = Province
address-state-state = State
address-code-zip = ZIP code
address-code-pin = PIN code
address-code-eircode = Eircode
address-city-district = District
address-city-suburb = Suburb
address-city-post-town = Post town
user-accounts = Linked account
user-unlink = Unlink
user-unlink-intro = The account that this user signs in with. If it was made again with your provider, unlink the old one: the next sign-in links the account that has this e-mail address then.
user-unlink-confirm = Unlink the account? Sessions opened with it end.
done-user-unlinked = The account was unlinked.

# What needs attention, and what mends it
home-show-directory = Show the directory
home-billing-problems = { $count ->
    [one] The last run had something against a bill
   *[other] The last run had something against { $shown } bills
}
home-largest = Largest customers, { $month }
run-assign = Assign to a customer
run-assign-named = Assign to a customer: { $tenant }
run-repeat = Bill this month again
customer-history = History
customer-rules-intro = The first of these that matches a line of this customer prices it; where none does, its margin.
customer-no-rules = No price rule is for this customer: its margin prices every line.
customer-all-rules = All price rules
rule-drag = Drag to another place
error-retry = Try again
error-retry-advice = Something that this server needs does not answer just now. Nothing was changed, and what you typed is kept on this page: wait a moment, then try again.
error-still-running = The same form is still being worked on. Wait a moment, then look whether it is done.
error-form-reused = This form was sent before with something else in it. Go back, load the page again, and repeat what you typed.
value-yes = Yes
value-no = No

# Microsoft's invoices
invoices-title = Microsoft’s invoices
invoices-intro = As Partner Center lists them: whether each is fetched, billed, and comes to the same total.
invoices-none = No invoice is known yet.
invoices-none-advice = They are listed once Partner Center is connected and the automation looks for invoices, or with tenantry invoices fetch.
invoices-date = Date
invoices-fetched = Fetched
invoices-billed = Billed
invoices-ties = Ties
invoices-fetch-failed = Fetching failed

# What the server does by itself
automation-title = Automation
automation-intro = What the server does for the billing by itself. It bills the month before this one and later months.
automation-off = Nothing
automation-estimates = Each night, for the month so far
automation-daily = Make estimates of what is on no invoice yet
automation-invoices = When an invoice of Microsoft appears
automation-fetch = Fetch it
automation-bill = Fetch it and bill the month
automation-finalize = When the month is billed
automation-by-hand = You make it final
automation-after-days = It becomes final after some days, if nothing speaks against it
automation-limits = Limits
automation-days = Days until it becomes final
automation-days-hint = After the bills were made.
automation-unassigned = Money that may be on no bill
automation-unassigned-hint = In each currency, when a month becomes final by itself. Such as 10.00.
automation-publish = Customers see the bills before they are final
automation-failure = The last step failed
automation-waits = It waits for you
automation-done = What it has done
automation-next = It looks next at
automation-nothing = Nothing yet.
automation-done-fetch = Fetched an invoice
automation-done-bill = Billed a month
automation-done-finalize = Made a month final
done-automation-saved = Saved.

# What a warning of a run is about
warning-title-empty_file = A file without lines
warning-title-several_invoices = Lines of several invoices
warning-title-equal_lines_in_export = Equal lines in an export
warning-title-overlapping_files = Two files have lines in common
warning-title-lines_of_other_months = Lines of other months
warning-title-lines_without_invoice = Lines on no invoice yet
warning-title-no_manifest = A part of an export may be missing
warning-title-earned_credit_unknown = The earned credit is not known
warning-title-earned_credit_mismatch = The earned credit does not explain the cost
warning-title-below_cost = Charged less than it costs
warning-title-far_above_cost = Charged more than five times its cost
warning-title-reissued_invoice = Lines that were final under another invoice
warning-title-usage_differs = Usage and invoice differ
warning-title-price_rule_unused = A price rule matches nothing
warning-title-price_rule_without_rate = A price in a currency without a rate
warning-title-price_rule_without_list_price = A list price is missing
warning-title-price_rule_without_quantity = A quantity is missing
warning-title-expected_total_mismatch = Not the total that was expected
warning-title-unassigned = Money on no bill
warning-title-held_back = Bills are held back
warning-title-folder_unwritable = A folder takes no bill
warning-title-facts_changed = Something has changed since the bills were made

# The connection to the directory
duration-short = less than a second
directory-application = Application
directory-reading-since = Since
directory-entries = { $count ->
    [one] one entry
   *[other] { $shown } entries
}
directory-walked = { $entries } in { $took }
directory-tested = Last tested:
directory-not-tested = Not tested yet. What the application may do shows when the connection is tested.
directory-needs = Permissions
directory-needs-intro = Microsoft tells an application what it may do only by what it answers: this is what worked, and what was refused.
directory-reconnect = Enter new credentials
directory-test = Test now
directory-walk = Read the list now
directory-disconnect-link = Disconnect…
directory-ask-admin = An administrator of your company can test the connection and enter new credentials.
directory-credentials-title = New credentials for the directory
directory-credentials-intro = They are tested before they replace the stored ones. While something does not work, the connection stays as it is. To connect another application or tenant, ask the operator of this server.
directory-credentials-submit = Test and save
directory-replaced = The connection was changed meanwhile. Look at it, then repeat this if it is still needed.
directory-secret-refused = Client secret: Microsoft does not accept it. Enter the secret’s value, not its ID, and check that it has not expired.
directory-token-refused = Refresh token: Microsoft does not accept it. Sign in again as the user who consented, with several factors (MFA), and enter the new token.
directory-not-working = Not saved, because this does not work: { $need }. The test below says more.
directory-tried = What the test found
directory-disconnect-title = Disconnect the directory?
directory-disconnect-warning = The stored credentials are deleted. Only the operator of this server can connect a directory again.
directory-disconnect-kept = Customers and their tenants stay as they are. From then on tenant IDs are taken as they are typed, addresses are not refreshed, and invoices are not fetched.
directory-disconnect-confirm = I want to disconnect the directory
directory-disconnect = Disconnect
directory-disconnect-unconfirmed = Tick the box if you want to disconnect the directory
field-refresh-token = Refresh token
field-refresh-token-hint = Of the user who consented to the application, from a sign-in with several factors (MFA). Leave it empty to keep the one that is stored.
field-directory-secret-hint = The value of a secret of the application’s registration in Microsoft Entra, not its ID. It is stored encrypted, and never shown again.
field-directory-secret-kept = Only if it changes too: the value, not its ID. Leave it empty to keep the one that is stored.
done-directory-tested = Tested: everything that is needed works.
directory-needs-missing = Something that is needed does not work.
done-directory-walk = The list will be read from its beginning within a few seconds.
done-directory-reconnected = The new credentials work and are saved.
done-directory-disconnected = The directory is disconnected.
column-permission = Permission
directory-cause-unreachable = The directory cannot be reached
directory-advice-unreachable = It is tried again by itself. If this goes on, see whether Microsoft reports an outage, and ask the operator of this server whether it may reach Microsoft.
directory-cause-throttled = The directory limits how often it may be asked
directory-advice-throttled = Nothing has to be done: it is tried again later.
directory-cause-refused = The directory refuses access
directory-advice-refused = A credential has expired, or a permission is missing. Test the connection to see which, then enter new credentials or grant the permission.
directory-cause-mfa-required = Microsoft requires a sign-in with several factors (MFA)
directory-advice-mfa-required = The user who consented to the application has to sign in again with several factors. Enter the new refresh token.
directory-cause-invalid = What the directory answers cannot be read
directory-advice-invalid = Test the connection to see what is wrong. Where the directory is a file, the file has to be corrected on the server.
directory-cause-start-over = The list has to be read from its beginning
directory-advice-start-over = Nothing has to be done: it is read again by itself.
directory-cause-internal = The server could not use the connection
directory-advice-internal = Ask the operator of this server: its log says more.
directory-cause-unknown = The last attempt failed
directory-advice-unknown = Test the connection to see what is wrong.
need-works = Works
need-missing = Missing
need-unknown = Not tested
need-seen-of = { $count } of the { $of } customers looked at
need-seen-customers = first page: { $count }
need-seen-invoices = invoices: { $count }
need-sign-in = Sign in
need-about-sign-in = The application’s secret, and the consent of an administrator to the permission Microsoft Partner Center
need-multi-factor = Sign-in with several factors (MFA)
need-about-multi-factor = Microsoft requires it of the user who consented
need-list-customers = Read the list of customers
need-about-list-customers = The role Admin agent or Sales agent in Partner Center
need-billing-profiles = Read customers’ billing profiles
need-about-billing-profiles = One of two sources of addresses. Delegated administration (GDAP) of the customer
need-organizations = Read customers’ organizations
need-about-organizations = The other source of addresses. Delegated administration (GDAP) of the customer
need-see-addresses = See customers’ addresses
need-about-see-addresses = From either source, so that a new customer’s address does not have to be typed
need-list-invoices = Read Microsoft’s invoices
need-about-list-invoices = Only for billing: the role Admin agent or Billing admin in Partner Center
need-export-billing-data = Export billing data
need-about-export-billing-data = Only for billing: the permission PartnerBilling.Read.All of Microsoft Graph
need-read-file = Read the file
need-about-read-file = The file on the server, and what is in it
warning-title-bill_gone = A customer has no bill any more
warning-title-uncoded = To be looked at
sums-none = nothing
sums-and = { $sums } and { $last }
place-line = line { $line }
place-character = character { $number }
place-column = column { $column }
place-customer = customer { $id }
