//! Every operation of the OpenAPI document, asked by everybody there is.

use crate::billing;
use crate::support::{
    ABSENT, Answer, Api, Database, Engine, Failures, NOW, Server, customer, on_both_engines,
};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};

on_both_engines!(everybody_asks_for_everything);

const WHO: [&str; 13] = [
    "no key",
    "an unknown key",
    "an admin",
    "an operator",
    "a billing user",
    "a viewer",
    "an auditor",
    "a customer's user",
    "a customer's user without access",
    "a customer's user after the trial",
    "an admin of a suspended partner",
    "another partner's admin",
    "a customer's owner",
];

/// An operation, the body it is asked with, and what is answered to whom, but the last.
struct Row(&'static str, Body, [u16; 12]);

#[derive(Clone, Copy)]
enum Body {
    None,
    Customer,
    CustomerChange,
    Colleague,
    CustomersUser,
    UserChange,
    ApiKey,
    Tenants,
    PriceRule,
    PriceSheet,
    BillRun,
    Release,
    Fetch,
    Void,
    Automation,
    BillingSettings,
    Branding,
    Picture,
    Provider,
}
use Body::{
    ApiKey, Automation, BillRun, BillingSettings, Branding, Colleague, Customer, CustomerChange,
    CustomersUser, Fetch, None as Nothing, Picture, PriceRule, PriceSheet, Provider, Release, Tenants,
    UserChange, Void,
};

/// Whoever adds an operation adds its row here, and so decides who may call it. `customer's` is a user of the very
/// customer that is asked for; `other` asks for the first partner's objects, where the path names one.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    //                                                            no   unkn admin oper bill view audt cust w/out trial susp other
    Row("GET /healthz",                         Nothing,        [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    Row("GET /readyz",                          Nothing,        [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    Row("GET /metrics",                         Nothing,        [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),

    Row("GET /v2/me",                           Nothing,        [401, 401, 200, 200, 200, 200, 200, 200, 403, 403, 403, 200]),
    Row("GET /v2/audit_events",                 Nothing,        [401, 401, 200, 403, 403, 403, 200, 403, 403, 403, 403, 200]),
    Row("GET /v2/audit_verification",           Nothing,        [401, 401, 200, 403, 403, 403, 200, 403, 403, 403, 403, 200]),

    Row("GET /v2/branding",                     Nothing,        [401, 401, 200, 403, 403, 403, 403, 403, 403, 403, 403, 200]),
    Row("PUT /v2/branding",                     Branding,       [401, 401, 200, 403, 403, 403, 403, 403, 403, 403, 403, 200]),
    Row("PUT /v2/branding/logo",                Picture,        [401, 401, 200, 403, 403, 403, 403, 403, 403, 403, 403, 200]),
    // There is none, and none can be reached.
    Row("GET /v2/sign_in_providers/{audience}", Nothing,        [401, 401, 404, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("PUT /v2/sign_in_providers/{audience}", Provider,       [401, 401, 422, 403, 403, 403, 403, 403, 403, 403, 403, 422]),
    Row("DELETE /v2/sign_in_providers/{audience}", Nothing,     [401, 401, 404, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v2/branding/logo",             Nothing,        [401, 401, 204, 403, 403, 403, 403, 403, 403, 403, 403, 204]),

    Row("POST /v2/customers",                   Customer,       [401, 401, 201, 201, 403, 403, 403, 403, 403, 403, 403, 201]),
    Row("GET /v2/customers",                    Nothing,        [401, 401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 200]),
    Row("GET /v2/customers/{id}",               Nothing,        [401, 401, 200, 200, 200, 200, 200, 200, 403, 403, 403, 404]),
    Row("GET /v2/customers/{id}/history",       Nothing,        [401, 401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 404]),
    Row("PUT /v2/customers/{id}",               CustomerChange, [401, 401, 200, 200, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v2/customers/{id}",            Nothing,        [401, 401, 204, 204, 403, 403, 403, 403, 403, 403, 403, 404]),

    Row("POST /v1/customers",                   Customer,       [401, 401, 201, 201, 403, 403, 403, 403, 403, 403, 403, 201]),
    Row("GET /v1/customers",                    Nothing,        [401, 401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 200]),
    Row("GET /v1/customers/{id}",               Nothing,        [401, 401, 200, 200, 200, 200, 200, 200, 403, 403, 403, 404]),
    Row("GET /v1/customers/{id}/history",       Nothing,        [401, 401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 404]),
    Row("PUT /v1/customers/{id}",               CustomerChange, [401, 401, 200, 200, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v1/customers/{id}",            Nothing,        [401, 401, 204, 204, 403, 403, 403, 403, 403, 403, 403, 404]),

    Row("POST /v2/users",                       Colleague,      [401, 401, 201, 403, 403, 403, 403, 403, 403, 403, 403, 201]),
    Row("GET /v2/users",                        Nothing,        [401, 401, 200, 403, 403, 403, 403, 403, 403, 403, 403, 200]),
    Row("GET /v2/users/{user_id}",              Nothing,        [401, 401, 200, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("PUT /v2/users/{user_id}",              UserChange,     [401, 401, 200, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v2/users/{user_id}",           Nothing,        [401, 401, 204, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("POST /v2/users/{user_id}/api_key",     Nothing,        [401, 401, 201, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v2/users/{user_id}/api_key",   Nothing,        [401, 401, 204, 403, 403, 403, 403, 403, 403, 403, 403, 404]),

    Row("POST /v2/users/{user_id}/api_keys",    ApiKey,         [401, 401, 201, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("GET /v2/users/{user_id}/api_keys",     Nothing,        [401, 401, 200, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("GET /v2/users/{user_id}/api_keys/{key_id}",         Nothing,    [401, 401, 200, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v2/users/{user_id}/api_keys/{key_id}",      Nothing,    [401, 401, 204, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("POST /v2/users/{user_id}/api_keys/{key_id}/rotate", Nothing,    [401, 401, 201, 403, 403, 403, 403, 403, 403, 403, 403, 404]),

    Row("POST /v2/customers/{id}/users",        CustomersUser,  [401, 401, 201, 201, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("GET /v2/customers/{id}/users",         Nothing,        [401, 401, 200, 200, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("GET /v2/customers/{id}/users/{user_id}",            Nothing,    [401, 401, 200, 200, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("PUT /v2/customers/{id}/users/{user_id}",            UserChange, [401, 401, 200, 200, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v2/customers/{id}/users/{user_id}",         Nothing,    [401, 401, 204, 204, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("POST /v2/customers/{id}/users/{user_id}/api_key",   Nothing,    [401, 401, 201, 201, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v2/customers/{id}/users/{user_id}/api_key", Nothing,    [401, 401, 204, 204, 403, 403, 403, 403, 403, 403, 403, 404]),

    Row("POST /v2/customers/{id}/users/{user_id}/api_keys",  ApiKey,     [401, 401, 201, 201, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("GET /v2/customers/{id}/users/{user_id}/api_keys",   Nothing,    [401, 401, 200, 200, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("GET /v2/customers/{id}/users/{user_id}/api_keys/{key_id}",         Nothing, [401, 401, 200, 200, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v2/customers/{id}/users/{user_id}/api_keys/{key_id}",      Nothing, [401, 401, 204, 204, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("POST /v2/customers/{id}/users/{user_id}/api_keys/{key_id}/rotate", Nothing, [401, 401, 201, 201, 403, 403, 403, 403, 403, 403, 403, 404]),

    Row("GET /v2/users/{user_id}/accounts",                  Nothing,    [401, 401, 200, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v2/users/{user_id}/accounts",               Nothing,    [401, 401, 204, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("GET /v2/customers/{id}/users/{user_id}/accounts",   Nothing,    [401, 401, 200, 200, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v2/customers/{id}/users/{user_id}/accounts", Nothing,   [401, 401, 204, 204, 403, 403, 403, 403, 403, 403, 403, 404]),

    Row("GET /v1/directory",                                 Nothing, [401, 401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 200]),
    Row("GET /v1/azure_partner_customers",                   Nothing, [401, 401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 200]),
    Row("GET /v1/azure_partner_customers/{id}",              Nothing, [401, 401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 404]),
    Row("GET /v1/azure_partner_customer_accounts/list",      Nothing, [401, 401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 200]),
    Row("GET /v1/azure_partner_customer_accounts/list/{client_api_id}",   Nothing, [401, 401, 200, 200, 200, 200, 200, 403, 403, 403, 403, 404]),
    Row("PUT /v1/azure_partner_customer_accounts/add/{client_api_id}",    Tenants, [401, 401, 207, 207, 403, 403, 403, 403, 403, 403, 403, 404]),
    Row("PUT /v1/azure_partner_customer_accounts/remove/{client_api_id}", Tenants, [401, 401, 207, 207, 403, 403, 403, 403, 403, 403, 403, 404]),

    Row("POST /v1/price_rules",                 PriceRule,      [401, 401, 201, 403, 201, 403, 403, 403, 403, 403, 403, 201]),
    Row("GET /v1/price_rules",                  Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 200]),
    Row("GET /v1/price_rules/{id}",             Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 404]),
    Row("PUT /v1/price_rules/{id}",             PriceRule,      [401, 401, 200, 403, 200, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v1/price_rules/{id}",          Nothing,        [401, 401, 204, 403, 204, 403, 403, 403, 403, 403, 403, 404]),
    // The other partner has no month to try it on.
    Row("POST /v1/price_rules/try",             PriceRule,      [401, 401, 200, 403, 200, 403, 403, 403, 403, 403, 403, 409]),
    Row("POST /v1/price_rules/{id}/try",        PriceRule,      [401, 401, 200, 403, 200, 403, 403, 403, 403, 403, 403, 404]),

    Row("POST /v1/price_sheets",                PriceSheet,     [401, 401, 201, 403, 201, 403, 403, 403, 403, 403, 403, 201]),
    Row("GET /v1/price_sheets",                 Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 200]),

    Row("GET /v1/invoices",                     Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 200]),
    Row("POST /v1/invoice_fetches",             Fetch,          [401, 401, 202, 403, 202, 403, 403, 403, 403, 403, 403, 202]),
    Row("GET /v1/invoice_fetches",              Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 200]),
    Row("GET /v1/invoice_fetches/{id}",         Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 404]),

    Row("GET /v1/billing_automation",           Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 200]),
    Row("PUT /v1/billing_automation",           Automation,     [401, 401, 200, 403, 200, 403, 403, 403, 403, 403, 403, 200]),

    Row("GET /v1/billing_settings",             Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 200]),
    Row("PUT /v1/billing_settings",             BillingSettings, [401, 401, 200, 403, 200, 403, 403, 403, 403, 403, 403, 200]),

    Row("POST /v1/bill_runs",                   BillRun,        [401, 401, 202, 403, 202, 403, 403, 403, 403, 403, 403, 202]),
    Row("GET /v1/bill_runs",                    Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 200]),
    Row("GET /v1/bill_runs/{id}",               Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 404]),
    Row("DELETE /v1/bill_runs/{id}",            Nothing,        [401, 401, 204, 403, 204, 403, 403, 403, 403, 403, 403, 404]),
    Row("DELETE /v1/bill_runs/{id}/statements", Nothing,        [401, 401, 204, 403, 204, 403, 403, 403, 403, 403, 403, 404]),
    Row("POST /v1/bill_runs/{id}/finalize",     Nothing,        [401, 401, 202, 403, 202, 403, 403, 403, 403, 403, 403, 404]),
    Row("POST /v1/bill_runs/{id}/publish",      Nothing,        [401, 401, 200, 403, 200, 403, 403, 403, 403, 403, 403, 404]),
    // The run's month has no final statements.
    Row("POST /v1/bill_runs/{id}/void",         Void,           [401, 401, 409, 403, 409, 403, 403, 403, 403, 403, 403, 404]),
    Row("POST /v1/bill_runs/{id}/release",      Release,        [401, 401, 202, 403, 202, 403, 403, 403, 403, 403, 403, 404]),
    Row("GET /v1/bill_runs/{id}/customers/{customer_id}/lines", Nothing, [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 404]),
    Row("GET /v1/profit",                       Nothing,        [401, 401, 200, 403, 200, 403, 200, 403, 403, 403, 403, 200]),
    Row("GET /v1/customer_statements",          Nothing,        [401, 401, 200, 200, 200, 200, 200, 200, 403, 403, 403, 200]),
    Row("GET /v1/customer_statements/{id}",     Nothing,        [401, 401, 200, 200, 200, 200, 200, 200, 403, 403, 403, 404]),
    Row("GET /v1/customer_statements/{id}/files/{name}",        Nothing, [401, 401, 200, 200, 200, 200, 200, 200, 403, 403, 403, 404]),
    // There are no corrections here.
    Row("GET /v1/customer_statements/{id}/corrections/{billing_period}/{version}/files/{name}", Nothing,
        [401, 401, 404, 404, 404, 404, 404, 404, 403, 403, 403, 404]),
];

/// What an owner is answered where that differs from what another user of its customer is.
const OWNERS: [(&str, u16); 14] = [
    ("POST /v2/customers/{id}/users", 201),
    ("GET /v2/customers/{id}/users", 200),
    ("GET /v2/customers/{id}/users/{user_id}", 200),
    ("PUT /v2/customers/{id}/users/{user_id}", 200),
    ("DELETE /v2/customers/{id}/users/{user_id}", 204),
    ("POST /v2/customers/{id}/users/{user_id}/api_key", 201),
    ("DELETE /v2/customers/{id}/users/{user_id}/api_key", 204),
    ("POST /v2/customers/{id}/users/{user_id}/api_keys", 201),
    ("GET /v2/customers/{id}/users/{user_id}/api_keys", 200),
    ("GET /v2/customers/{id}/users/{user_id}/api_keys/{key_id}", 200),
    ("DELETE /v2/customers/{id}/users/{user_id}/api_keys/{key_id}", 204),
    ("POST /v2/customers/{id}/users/{user_id}/api_keys/{key_id}/rotate", 201),
    ("GET /v2/customers/{id}/users/{user_id}/accounts", 200),
    ("DELETE /v2/customers/{id}/users/{user_id}/accounts", 204),
];

impl Row {
    fn expected(&self, column: usize) -> u16 {
        let Row(operation, _, expected) = self;
        match expected.get(column) {
            Some(status) => *status,
            None => OWNERS.iter().find(|(of, _)| of == operation).map_or(expected[7], |(_, status)| *status),
        }
    }
}

const TRIAL: &str = "2016-09-15T19:00:00Z";
/// In every name and address of the first partner's, so that a leak shows.
const MARK: &str = "Wingtip";

impl Body {
    fn json(self) -> Option<Value> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let email = format!("asked-{number}@example.com");
        match self {
            Nothing | Picture => None,
            Customer => Some(customer(&json!({"name": format!("Asked {number}")}))),
            CustomerChange => Some(json!({"margin_percentage": 12.5})),
            Colleague => Some(json!({"email": email, "role": "viewer"})),
            CustomersUser => Some(json!({"email": email})),
            ApiKey => Some(json!({"name": email})),
            UserChange => Some(json!({"name": "Changed"})),
            Tenants => Some(json!({"azure_customer_ids": [format!("asked-{number}")]})),
            PriceRule => Some(json!({"name": email, "kind": "margin", "percentage": 12.5})),
            PriceSheet => Some(json!({"billing_period": "2016-08", "sources": ["file:sheet.csv"]})),
            BillRun => {
                // A counter of its own, so that the months stay within the years that a period may have.
                static RUNS: AtomicU32 = AtomicU32::new(0);
                let period = month(2100, RUNS.fetch_add(1, Ordering::Relaxed));
                Some(json!({"billing_period": period, "sources": ["file:october.csv"]}))
            }
            Release => Some(json!({"customer_ids": [HELD_BACK]})),
            BillingSettings => Some(json!({"statement_number_prefix": "CON-", "due_days": 30})),
            Automation => Some(json!({"estimates": "off", "invoices": "off", "finalize": "by_hand"})),
            Fetch => {
                static FETCHES: AtomicU32 = AtomicU32::new(0);
                Some(json!({"billing_period": month(2100, FETCHES.fetch_add(1, Ordering::Relaxed))}))
            }
            Branding => Some(json!({"colour": "#1f5fbf"})),
            Provider => {
                Some(json!({"issuer": "https://127.0.0.1:1", "client_id": "a", "client_secret": "b"}))
            }
            Void => Some(json!({"reason": "a mistake"})),
        }
    }
}

/// The customer whose bill the runs that are put there have held back.
const HELD_BACK: i64 = 5;

/// The n-th month after the beginning of a year.
fn month(year: u32, n: u32) -> String {
    format!("{}-{:02}", year + n / 12, n % 12 + 1)
}

/// Somebody who asks, and for which customer; staff asks for one that is made for the occasion.
struct Asker {
    api: Api,
    own: Option<i64>,
}

struct Scene {
    admin: Api,
    suspended: Api,
    suspended_name: String,
    askers: Vec<Asker>,
    server: Server,
    database: Database,
    /// A run that has made bills of the customers' users' customers, and one of these.
    billed: (i64, i64),
}

impl Scene {
    fn new(engine: Engine) -> Self {
        let database = Database::new(engine);
        let sources = ["--bill-sources", "data/invoices/{partner}"];
        let server = Server::start(&database, &[&["--sandbox", "--at", NOW], &sources[..]].concat());
        let (admin, other) = (server.admin(), server.partner());
        let (suspended_name, suspended) = server.named_partner();
        let staff = |api: Api| Asker { api, own: None };
        let customers_user = |classification: &str, trial: Value, role: &str| {
            let name = format!("{MARK} {role} {classification} {trial}");
            let owned = if role == "owner" { "-owned" } else { "" };
            let tenant = format!("{MARK}-{classification}-{}{owned}", trial.is_null()).replace('_', "-");
            let change = json!({
                "name": name, "classification": classification, "trial_expiration_date": trial,
                "address": ABSENT, "azure_customer_id": tenant,
                "partner_billing_configuration": {"enabled": true, "folder": "bills"},
            });
            let id = admin.create(&customer(&change))["id"].as_i64().unwrap();
            Asker { api: admin.user_as(id, role).1, own: Some(id) }
        };
        let askers = vec![
            staff(admin.with_key("")),
            staff(admin.with_key(&format!("tnt_{}", "0".repeat(58)))),
            staff(admin.clone()),
            staff(admin.colleague("operator").1),
            staff(admin.colleague("billing").1),
            staff(admin.colleague("viewer").1),
            staff(admin.colleague("auditor").1),
            customers_user("managed_with_access", Value::Null, "customer"),
            customers_user("managed_without_access", Value::Null, "customer"),
            customers_user("managed_with_access", json!(TRIAL), "customer"),
            staff(suspended.clone()),
            staff(other),
            customers_user("managed_with_access", Value::Null, "owner"),
        ];
        let lines = [
            "managed-with-access-true",
            "managed-without-access-true",
            "managed-with-access-false",
            "managed-with-access-true-owned",
        ];
        let tenants = lines.map(|rest| format!("{MARK}-{rest}"));
        let lines: Vec<_> = tenants.iter().map(|tenant| billing::line(tenant, "Compute", "1")).collect();
        for partner in 1..=3 {
            let folder = database.folder().join(format!("data/invoices/{partner}"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("october.csv"), billing::usage(&lines)).unwrap();
            let sheet = "ProductId,SkuId,Currency,ERP Price\nP,S,USD,1\n";
            std::fs::write(folder.join("sheet.csv"), sheet).unwrap();
        }
        let asked = admin
            .post("/v1/bill_runs", &json!({"billing_period": "2016-08", "sources": ["file:october.csv"], "accept": ["lines_of_other_months"], "publish": true}));
        let run = billing::end_of(&admin, asked.header("location"));
        assert_eq!(
            (&run["state"], run["customers"].as_array().unwrap().len()),
            (&json!("succeeded"), 4),
            "{run}"
        );
        let billed = (run["id"].as_i64().unwrap(), run["customers"][0]["customer_id"].as_i64().unwrap());
        admin.set_clock(TRIAL);
        assert!(server.run(&["partner", "suspend", &suspended_name]).status.success());
        Scene { admin, suspended, suspended_name, askers, server, database, billed }
    }

    /// A path with numbers in it: of this customer and one of its users, or of others that are made now.
    fn path(&self, template: &str, own: Option<i64>) -> String {
        static TENANTS: AtomicU32 = AtomicU32::new(0);
        if template == "/v1/profit" {
            return format!("{template}?billing_period=2016-08");
        }
        let mut path = template.to_owned();
        if path.ends_with("/azure_partner_customers/{id}") {
            let azure = format!("{MARK}-{}", TENANTS.fetch_add(1, Ordering::Relaxed));
            let change = json!({"name": azure, "address": ABSENT, "azure_customer_id": azure});
            self.admin.create(&customer(&change));
            let tenants = self.admin.get("/v1/azure_partner_customers?per_page=100").json();
            let tenants = tenants["azure_partner_customers"].as_array().unwrap().clone();
            let tenant = tenants.iter().find(|tenant| tenant["azure_customer_id"] == azure.as_str());
            return path.replace("{id}", &tenant.unwrap()["id"].to_string());
        }
        if path.starts_with("/v1/price_rules/") {
            let made = self.admin.post("/v1/price_rules", &PriceRule.json().unwrap());
            return path.replace("{id}", &made.json()["id"].to_string());
        }
        if path.starts_with("/v1/invoice_fetches/") {
            let made = self.admin.post("/v1/invoice_fetches", &Fetch.json().unwrap());
            return path.replace("{id}", &made.json()["id"].to_string());
        }
        if path.starts_with("/v1/bill_runs/{id}/customers/") {
            let (run, customer) = self.billed;
            return path.replace("{id}", &run.to_string()).replace("{customer_id}", &customer.to_string());
        }
        if path.starts_with("/v1/bill_runs/") {
            let state = if path.ends_with('}') { "queued" } else { "succeeded" };
            return path.replace("{id}", &self.bill_run(state).to_string());
        }
        if path.starts_with("/v1/customer_statements/") {
            let statements = billing::statements(&self.admin, "");
            let theirs = |statement: &&Value| own.is_none_or(|own| statement["customer_id"] == own);
            let id = statements.iter().find(theirs).unwrap()["id"].to_string();
            let path = path.replace("{billing_period}", "2026-10").replace("{version}", "1");
            return path.replace("{id}", &id).replace("{name}", "bill.csv");
        }
        path = path.replace("{client_api_id}", "{id}").replace("{audience}", "partner");
        let made = |scene: &Scene| {
            static MADE: AtomicU32 = AtomicU32::new(0);
            let name = format!("{MARK} {}", MADE.fetch_add(1, Ordering::Relaxed));
            let change = json!({"name": name, "classification": "managed_with_access"});
            scene.admin.create(&customer(&change))["id"].as_i64().unwrap()
        };
        if path.contains("{id}") {
            let id = own.unwrap_or_else(|| made(self));
            path = path.replace("{id}", &id.to_string());
            if path.contains("{user_id}") {
                path = of_user(&path, self.admin.user_of(id));
            }
        }
        if path.contains("{user_id}") {
            path = of_user(&path, self.admin.colleague("viewer"));
        }
        assert!(!path.contains('{'), "teach the matrix to fill in {path}");
        path
    }
}

/// A path about a user, and its key.
fn of_user(path: &str, (id, api): (i64, Api)) -> String {
    path.replace("{user_id}", &id.to_string()).replace("{key_id}", &api.key[4..12])
}

impl Scene {
    /// A run that stands like this, put there behind the server's back: it alone would go on with it.
    fn bill_run(&self, state: &str) -> i64 {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let id = 1_000_000 + i64::from(number);
        let report = json!({"customers": [{
            "customer_id": HELD_BACK, "name": MARK, "currency": "USD", "lines": 1, "cost": "1", "charge": "1",
            "rounding": "0", "corrections": "0", "billed_before": {"lines": 0, "cost": "0"}, "earned_credit": {"kept": "0", "passed_on": "0", "unknown_lines": 0, "unknown_cost": "0"}, "held_back": ["it"], "prefix": null,
        }]});
        let request = json!({"billing_period": month(2000, number), "sources": ["file:october.csv"], "invoice_id": null,
                             "currency_rates": [], "finalize": false});
        self.database.execute(&format!(
            "INSERT INTO bill_runs (partner_id, id, billing_period, state, request, by_command, released, report,
                 cancelling, attempt, leased_until, created_at, updated_at)
             VALUES (1, {id}, '{}', '{state}', '{request}', TRUE, '[]', '{report}', FALSE, 1, 0, 0, 0)",
            month(2000, number)
        ));
        id
    }
}

/// The answer, with a request id that gives nothing away.
fn ask(asker: &Asker, method: &str, path: &str, body: Body) -> Answer {
    let call = asker.api.call(method, path).header("X-Request-Id", "the-same");
    let call = if asker.api.key.is_empty() { call.authorization(None) } else { call };
    match (body, body.json()) {
        (_, Some(body)) => call.json(&body).send(),
        (Picture, None) => {
            let picture = BASE64_STANDARD.decode(crate::console::branding::PNG).unwrap();
            call.header("Content-Type", "image/png").body(picture).send()
        }
        _ => call.send(),
    }
}

/// All of an answer that could differ.
fn bytes(answer: &Answer) -> (u16, String, Vec<u8>) {
    let mut headers = answer.headers.clone();
    headers.remove("date");
    (answer.status, format!("{headers:?}"), answer.body.clone())
}

/// What is answered to another partner is what is answered where there is nothing at all; what a refusal says.
fn check(scene: &Scene, column: usize, row: &Row, path: &str, answer: &Answer) -> Result<(), String> {
    let Row(operation, body, _) = row;
    let expected = row.expected(column);
    let (method, template) = operation.split_once(' ').unwrap();
    let text = answer.text();
    if answer.status != expected {
        return Err(format!("{} instead of {expected}: {text}", answer.status));
    }
    let why = match (answer.status, column) {
        (401, _) => "API key is required",
        (403, 3) => "the role operator may not",
        (403, 4) => "the role billing may not",
        (403, 5) => "the role viewer may not",
        (403, 6) => "the role auditor may not",
        (403, 7) => "the role customer may not",
        (403, 8) => "managed without access",
        (403, 9) => "trial expired at 2016-09-15T19:00:00Z",
        (403, 10) => "this partner is suspended",
        (403, 12) => "the role owner may not",
        _ => "",
    };
    if !text.contains(why) {
        return Err(format!("does not say {why:?}: {text}"));
    }
    if (answer.status == 401) != (answer.header("www-authenticate") == "Bearer realm=\"tenantry\"") {
        return Err(format!("WWW-Authenticate: {:?}", answer.header("www-authenticate")));
    }
    let sees_costs = matches!(column, 2 | 4 | 6 | 10 | 11);
    if !sees_costs && answer.status != 403 && ["margin", "cost"].iter().any(|word| text.contains(word)) {
        return Err(format!("{} sees {text}", WHO[column]));
    }
    if column == 11 && text.contains(MARK) {
        return Err(format!("another partner sees {text}"));
    }
    if answer.status == 404 {
        let nothing = template.replace("{id}", "999999999");
        let nothing = nothing.replace("{user_id}", "999999999").replace("{client_api_id}", "999999999");
        let nothing = nothing
            .replace("{customer_id}", "999999999")
            .replace("{name}", "bill.csv")
            .replace("{audience}", "partner")
            .replace("{key_id}", "00000000");
        for nobody in [&scene.askers[11], &scene.askers[2]] {
            let none = ask(nobody, method, &nothing, *body);
            if bytes(&none) != bytes(answer) {
                return Err(format!("{path} and {nothing} differ: {answer:?} and {none:?}"));
            }
        }
    }
    Ok(())
}

fn everybody_asks_for_everything(engine: Engine) {
    let scene = Scene::new(engine);
    every_operation_has_a_row();
    every_row_is_one_of_the_documented_table();
    let mut failures = Failures::default();
    let (mut refused, mut refused_suspended) = (HashSet::new(), HashSet::new());
    for row in ROWS {
        let (method, template) = row.0.split_once(' ').unwrap();
        let mut unauthorized = Vec::new();
        for (column, asker) in scene.askers.iter().enumerate() {
            let path = scene.path(template, asker.own);
            let answer = ask(asker, method, &path, row.1);
            let outcome = check(&scene, column, row, &path, &answer);
            failures.case(&format!("{}, {}", row.0, WHO[column]), outcome);
            match (answer.status, column) {
                (403, 10) => drop(refused_suspended.insert(answer.json()["error"].to_string())),
                (403, _) => drop(refused.insert((column, answer.json()["error"].to_string()))),
                // What is said of no key at all is another thing.
                (401, 1..) => unauthorized.push(bytes(&answer)),
                _ => {}
            }
        }
        unauthorized.dedup();
        failures.case(
            &format!("{}: all 401 are alike", row.0),
            if unauthorized.len() > 1 { Err(format!("{unauthorized:?}")) } else { Ok(()) },
        );
    }
    // The control: the margin is there for those who may see it.
    let page = scene.admin.get("/v2/customers").text();
    failures.case("control", if page.contains("\"margin_percentage\":12.5") { Ok(()) } else { Err(page) });

    // Every refusal to a live key was written down, those of a user for one reason once.
    let written = |api: &Api| api.trail("action=access.refused&per_page=100").len();
    assert_eq!(written(&scene.admin), refused.len());
    assert!(scene.server.run(&["partner", "suspend", "--resume", &scene.suspended_name]).status.success());
    assert_eq!(written(&scene.suspended), refused_suspended.len());
    failures.done(ROWS.len() * 14);
}

/// So that nobody adds an operation without saying who may call it, nor leaves a row behind.
fn every_operation_has_a_row() {
    let document = serde_json::to_value(api::document()).unwrap();
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys().filter(|name| *name != "parameters");
        documented.extend(methods.map(|method| format!("{} {path}", method.to_ascii_uppercase())));
    }
    let mut rows: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
    rows.sort_unstable();
    documented.sort();
    assert_eq!(rows, documented, "the rows and the operations of the document, which have to be the same");
}

/// The roles that an operation of the partner is open to are those of a row of the table in `docs/roles.md`, and each row of
/// that table is the one of some operation.
fn every_row_is_one_of_the_documented_table() {
    let document = include_str!("../../../../../docs/roles.md");
    let table = document.lines().skip_while(|line| !line.starts_with("| may |"));
    let table = table.take_while(|line| line.starts_with('|')).map(|line| {
        line.trim_matches('|').split('|').skip(1).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let table: Vec<_> = table.collect();
    assert_eq!(table[0], ["admin", "operator", "billing", "viewer", "auditor"]);
    let documented: BTreeSet<_> =
        table[2..].iter().map(|row| row.iter().map(|cell| cell == "yes").collect()).collect();
    let found: BTreeSet<Vec<bool>> = ROWS
        .iter()
        .map(|Row(.., expected)| expected[2..7].iter().map(|status| *status != 403).collect())
        .collect();
    assert_eq!(found, documented);
}
