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
role-customer = Customer

sign-in-title = Sign in
sign-in-key = API key
sign-in-key-hint = The key that you were given when your user was created. It starts with “tnt_”, unless your administrator has chosen another. It is used once to sign you in, and not kept in this browser.
sign-in-submit = Sign in
sign-in-key-missing = Enter your API key
sign-in-key-wrong = This key does not exist any more, or has never existed. Copy it again, or ask your administrator for a new one.
sign-in-insecure = Signing in needs an encrypted connection. Open this page with https://. If it is, the server has to know it: see --public-url and --trusted-proxies.

ended-idle = You were signed out because this session was not used for 12 hours. Sign in again to go on where you were.
ended-age = You were signed out because you signed in 7 days ago. Sign in again to go on where you were.
ended-key = You were signed out because the key that you signed in with was rotated or revoked, or has expired. Sign in with your new key.
ended-user = You were signed out because your user was deleted. Ask your administrator.
ended-roles = You were signed out because your roles have changed. Sign in again.
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
error-conflict-advice = Something else has to end first. Wait a moment, then try again. Nothing was changed.
error-busy-title = Too many requests
error-busy-advice = Wait a moment, then load the page again.
error-unknown-title = We do not know whether this was done
error-unknown-advice = The connection to the database broke at the wrong moment. Look whether the change is there before you repeat it.
error-unavailable-title = This cannot be reached just now
error-unavailable-advice = Something that Tenantry needs does not answer. Nothing was changed. Try again in a minute; if it lasts, tell whoever runs this server.
error-internal-title = Something went wrong
error-internal-advice = This is a fault of the server. Try again; if it happens again, tell whoever runs it, with the request’s number below.

done-session-ended = That session is signed out.

list-range = { $from }–{ $to } of { $total }
list-pages = Pages
list-previous = Previous
list-next = Next

value-none = None

home-title = Home
home-attention = Needs attention
home-nothing = Nothing needs your attention.
home-since = Since
home-recent = Recently changed customers
home-all-customers = All customers
home-all-count = { $count ->
    [one] Show the one customer
   *[other] Show all { $shown } customers
}
home-directory-failing = The directory of tenants cannot be read
home-trials-ending = { $count ->
    [one] One trial ends within 14 days
   *[other] { $shown } trials end within 14 days
}
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

column-customer = Customer
column-access = Access
column-trial = Trial
column-billing = Billing
column-tags = Tags
column-changed = Last changed
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

sessions-title = Sessions
sessions-intro = Browsers in which you are signed in. A session ends after 12 hours without use, and 7 days after you have signed in.
sessions-current = This browser
sessions-unknown-browser = Unknown browser
sessions-end-all = Sign out everywhere
sessions-end-all-confirm = Sign out of all browsers, this one too?

portal-partner = Your partner
portal-access-until = Your access ends
