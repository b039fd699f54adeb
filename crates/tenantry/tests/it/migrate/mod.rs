//! `tenantry migrate cloudhealth`: tried against a server of our own, and against one with CloudHealth's quirks.

mod statements;

use crate::support::{ABSENT, Api, Database, Engine, Server, customer, on_both_engines};
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::sync::Arc;

on_both_engines!(
    customers_come_over_with_their_ids_and_are_verified,
    quirks_and_what_our_rules_refuse,
    it_goes_on_where_it_was_killed,
    a_customer_that_was_deleted_here_stays_deleted,
);

/// Runs the command on the server's database.
fn migrate(server: &Server, from: SocketAddr, key: &str, args: &[&str]) -> Output {
    let from = format!("http://{from}");
    let args = [&["migrate", "cloudhealth", "--from", &from][..], args].concat();
    server.run_with(&args, |command| {
        command.env("CLOUDHEALTH_API_KEY", key);
    })
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn listed(api: &Api, path: &str, list: &str) -> Vec<Value> {
    let page = api.get(&format!("{path}?per_page=100"));
    assert_eq!(page.status, 200, "{}", page.text());
    page.json()[list].as_array().unwrap().clone()
}

fn customers_come_over_with_their_ids_and_are_verified(engine: Engine) {
    let source = Server::shared(Engine::Sqlite).partner();
    for number in 0..35 {
        let tags = json!([{"key": "number", "value": number.to_string()}]);
        source.create(&customer(&json!({"name": format!("Customer {number}"), "tags": tags})));
    }
    for id in [1, 7, 34] {
        assert_eq!(source.delete(&format!("/v2/customers/{id}")).status, 204);
    }
    let whole = json!({
        "name": "Whole", "azure_customer_id": "34fdg", "address": ABSENT, "classification": "managed_with_access",
        "trial_expiration_date": "2016-09-16T00:00:00Z", "billing_contact": "jane@example.com", "margin_percentage": 12.3456,
        "partner_billing_configuration": {"enabled": true, "folder": "bills/whole/"},
    });
    let whole = source.create(&customer(&whole))["id"].clone();
    let assigned = json!({"azure_customer_ids": ["t-1", "t-2"]});
    assert_eq!(source.put("/v1/azure_partner_customer_accounts/add/2", &assigned).status, 207);
    source.put(&format!("/v2/customers/{whole}"), &json!({"address": customer(&json!({}))["address"]}));
    let there = listed(&source, "/v2/customers", "customers");

    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let here = server.admin();
    let from = source.address;
    let dry = migrate(&server, from, &source.key, &["--dry-run"]);
    assert!(dry.status.success(), "{}", said(&dry));
    assert!(
        said(&dry).contains(
            "33 customers: 33 would be brought over, 0 here already, 0 here and different, 0 refused"
        ),
        "{}",
        said(&dry)
    );
    assert_eq!(listed(&here, "/v2/customers", "customers"), Vec::<Value>::new());

    let done = migrate(&server, from, &source.key, &["--statements", "statements.jsonl"]);
    assert!(done.status.success(), "{}", said(&done));
    assert!(
        said(&done).contains("33 brought over")
            && said(&done).contains("verified: 33 customers are equal in every field"),
        "{}",
        said(&done)
    );
    assert_eq!(listed(&here, "/v2/customers", "customers"), there, "every field, ids and times too");
    assert!(database.folder().join("statements.jsonl").exists());
    let tenants = |api: &Api, id: &Value| {
        listed(
            api,
            &format!("/v1/azure_partner_customer_accounts/list/{id}"),
            "azure_partner_customer_accounts",
        )
    };
    let names = |tenants: Vec<Value>| -> Vec<Value> {
        tenants
            .iter()
            .map(|tenant| tenant["azure_partner_customer_account"]["azure_customer_id"].clone())
            .collect()
    };
    for id in [&json!(2), &whole] {
        assert_eq!(names(tenants(&here, id)), names(tenants(&source, id)), "{id}");
    }
    // Ids to come start behind the highest.
    let next = here.create(&customer(&json!({"name": "New"})))["id"].as_i64().unwrap();
    assert_eq!(next, whole.as_i64().unwrap() + 1);
    assert_eq!(here.get("/v2/customers?tag=number:5").json()["customers"].as_array().unwrap().len(), 1);
    assert_eq!(here.get("/v2/customers").header("x-total"), "34");
    let event = &here.trail(&format!("action=customer.migrate&object=customers/{whole}"))[0];
    assert_eq!(&event["after"]["name"], "Whole");
    assert!(event["origin"].as_str().unwrap().starts_with("command line"), "{event}");

    // Again: nothing is done twice, and what was changed here is left and told.
    let again = migrate(&server, from, &source.key, &[]);
    assert!(
        again.status.success() && said(&again).contains("0 brought over, 33 here already"),
        "{}",
        said(&again)
    );
    assert_eq!(here.put("/v2/customers/2", &json!({"name": "Renamed here"})).status, 200);
    let again = migrate(&server, from, &source.key, &[]);
    assert!(!again.status.success(), "{}", said(&again));
    assert!(said(&again).contains("customer 2 (Customer 1) is here already and differs: name: \"Customer 1\" there, \"Renamed here\" here"), "{}", said(&again));
    assert_eq!(here.get("/v2/customers/2").json()["name"], "Renamed here");
    let verified = server.run(&["admin", "audit", "verify"]);
    assert!(verified.status.success(), "{}", said(&verified));
}

/// A server that answers as CloudHealth may: pages that are cut short, without `Link`, `null`s, keys in capitals.
struct Quirky {
    address: SocketAddr,
}

/// What it has.
#[derive(Clone)]
struct Account {
    customers: Vec<Value>,
    /// Tenants and statements, by the customer's id.
    assigned: Value,
    statements: Value,
    /// Whether there are `Link` headers.
    links: bool,
}

impl Quirky {
    fn start(account: Account) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let account = Arc::new(account);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let account = Arc::clone(&account);
                std::thread::spawn(move || answer(&stream, &account, address));
            }
        });
        Quirky { address }
    }
}

impl Account {
    fn of(customers: Vec<Value>) -> Self {
        Account { customers, assigned: json!({}), statements: json!({}), links: true }
    }
}

/// Fewer than are asked for.
const PAGE: usize = 3;

fn answer(stream: &TcpStream, account: &Account, address: SocketAddr) {
    let Account { customers, assigned, statements, links } = account;
    let (mut lines, mut stream) = (BufReader::new(stream.try_clone().unwrap()), stream.try_clone().unwrap());
    loop {
        let mut first = String::new();
        if lines.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|read| read > 2) {
            line.clear();
        }
        let path = first.split(' ').nth(1).unwrap().to_owned();
        let page: usize = path.rsplit_once("page=").unwrap().1.parse().unwrap();
        let part = |entries: &[Value]| {
            entries.iter().skip((page - 1) * PAGE).take(PAGE).cloned().collect::<Vec<_>>()
        };
        let (body, all) = if path.starts_with("/v1/customers?") {
            (json!({"Customers": part(customers)}), customers.len())
        } else if let Some(query) = path.strip_prefix("/v1/customer_statements?") {
            let of = query.split('&').find_map(|pair| pair.strip_prefix("client_api_id="));
            let all = statements.as_object().into_iter().flatten();
            let entries: Vec<Value> = all
                .filter(|(id, _)| of.is_none_or(|of| of == id.as_str()))
                .flat_map(|(_, statements)| statements.as_array().unwrap().clone())
                .collect();
            (json!({"billing_artifacts": part(&entries)}), entries.len())
        } else {
            let id = path.split('?').next().unwrap().rsplit('/').next().unwrap();
            let entries = assigned[id].as_array().cloned().unwrap_or_default();
            (json!({"azure_partner_customer_accounts": part(&entries)}), entries.len())
        };
        let next = match *links && page * PAGE < all {
            true => format!(
                "Link: <http://{address}{}{}>; rel=\"next\"\r\n",
                path.strip_suffix(&page.to_string()).unwrap(),
                page + 1
            ),
            false if *links => format!("Link: <http://{address}/>; rel=\"first\"\r\n"),
            false => String::new(),
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{next}\r\n",
            body.len()
        );
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// A customer of CloudHealth's, changed.
fn foreign(id: i64, change: &Value) -> Value {
    let mut answer = json!({
        "Id": id, "Name": format!("Customer {id}"), "Classification": "managed_without_access", "azure_customer_id": null,
        "trial_expiration_date": null, "billing_contact": null, "margin_percentage": 0.0, "tags": [],
        "created_at": "2014-01-02T03:04:05Z", "updated_at": "2015-01-02T03:04:05Z",
        "generated_external_id": format!("{id:012x}"), "partner_billing_configuration": {"Enabled": false, "folder": null},
        "address": {"Street1": "1 Main St", "street2": null, "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"},
    });
    let fields: &mut Map<String, Value> = answer.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    answer
}

fn quirks_and_what_our_rules_refuse(engine: Engine) {
    let customers = vec![
        foreign(732, &json!({})),
        foreign(
            1001,
            &json!({"address": {"street1": "1 George St", "city": "Sydney", "state": "NSW", "zipcode": "2000", "country": "Australia"}}),
        ),
        foreign(1002, &json!({"billing_contact": "abc"})),
        foreign(1003, &json!({"Name": "customer  732"})),
        foreign(1004, &json!({"address": null, "azure_customer_id": "34fdg"})),
        foreign(1005, &json!({"Classification": "root"})),
        foreign(3947, &json!({"trial_expiration_date": "2016-09-22T00:00:00Z"})),
    ];
    let assigned = json!({"732": (0..4).map(|n| json!({
        "customer_tenant_name": "Customer 732",
        "azure_partner_customer_account": {"Name": format!("Tenant {n}"), "domain": "a.example", "azure_customer_id": format!("t-{n}")},
    })).collect::<Vec<_>>()});
    for links in [true, false] {
        let statements = json!({"732": [statements::foreign(1, &json!({"invoice_id": null}))]});
        let source = Quirky::start(Account {
            customers: customers.clone(),
            assigned: assigned.clone(),
            statements,
            links,
        });
        let database = Database::new(engine);
        let server = Server::start(&database, &[]);
        let done = migrate(&server, source.address, "a-key", &["--statements", "s.jsonl"]);
        let told = said(&done);
        assert_eq!(done.status.code(), Some(1), "{told}");
        for expected in [
            "customer 1001 (Customer 1001) is kept as it is: address.state must be the full name: use New South Wales",
            "customer 1002 (Customer 1002) is kept as it is: billing_contact must be an e-mail address",
            "customer 1003 (customer  732) cannot be brought over: its name belongs to another customer here",
            "customer 1005 (Customer 1005) cannot be brought over: classification must be one of",
            "7 customers: 5 brought over, 0 here already, 0 here and different, 2 refused",
            "verified: 5 customers are equal in every field",
            "2 customers are not here as they are there",
        ] {
            assert!(told.contains(expected), "{expected} is not in {told}");
        }
        let api = server.admin();
        let sydney = api.get("/v2/customers/1001").json();
        assert_eq!(
            (&sydney["address"]["state"], &sydney["address"]["country"]),
            (&json!("NSW"), &json!("AU"))
        );
        assert_eq!(sydney["created_at"], "2014-01-02T03:04:05Z");
        assert_eq!(api.get("/v2/customers/1002").json()["billing_contact"], "abc");
        let tenants =
            listed(&api, "/v1/azure_partner_customer_accounts/list/732", "azure_partner_customer_accounts");
        let names: Vec<&Value> =
            tenants.iter().map(|tenant| &tenant["azure_partner_customer_account"]["name"]).collect();
        assert_eq!(names, ["Tenant 0", "Tenant 1", "Tenant 2", "Tenant 3"]);
        let event = &api.trail("action=customer.migrate&object=customers/1001")[0];
        assert!(event["reason"].as_str().unwrap().contains("use New South Wales"), "{event}");
        let statement = std::fs::read_to_string(database.folder().join("s.jsonl")).unwrap();
        assert!(statement.starts_with("{\"id\":1,") && statement.lines().count() == 1, "{statement}");
        assert_eq!(api.create(&customer(&json!({"name": "New"})))["id"], 3948);
    }
    // What is no CloudHealth is told.
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let wrong = migrate(&server, server.address, "not-a-key", &[]);
    assert!(
        wrong.status.code() == Some(4) && said(&wrong).contains("does not know this key"),
        "{}",
        said(&wrong)
    );
}

fn it_goes_on_where_it_was_killed(engine: Engine) {
    let count = 300;
    let customers = (1..=count).map(|id| foreign(id, &json!({}))).collect();
    let source = Quirky::start(Account::of(customers));
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let api = server.admin();
    let total = || -> i64 { api.get("/v2/customers?per_page=1").header("x-total").parse().unwrap() };
    let from = format!("http://{}", source.address);
    let mut command = crate::support::command(
        database.folder(),
        &["migrate", "cloudhealth", "--from", &from, "--database", &database.url],
    );
    command
        .env("CLOUDHEALTH_API_KEY", "a-key")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    while total() < 20 && child.try_wait().unwrap().is_none() {}
    child.kill().unwrap();
    child.wait().unwrap();
    let before = total();
    assert!((20..count).contains(&before), "killed in the middle: {before}");
    let done = migrate(&server, source.address, "a-key", &[]);
    let told = said(&done);
    assert!(done.status.success(), "{told}");
    // What the killed one had sent to PostgreSQL may have been committed behind that.
    let here = (before..count)
        .find(|here| told.contains(&format!("{} brought over, {here} here already", count - here)));
    assert!(here.is_some(), "{before} were here: {told}");
    assert_eq!(total(), count);
}

fn a_customer_that_was_deleted_here_stays_deleted(engine: Engine) {
    let source = Quirky::start(Account::of((1..=3).map(|id| foreign(id, &json!({}))).collect()));
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let api = server.admin();
    assert!(migrate(&server, source.address, "a-key", &[]).status.success());
    assert_eq!(api.delete("/v2/customers/2").status, 204);
    for args in [&["--dry-run"][..], &[]] {
        let again = migrate(&server, source.address, "a-key", args);
        assert!(again.status.success(), "{}", said(&again));
        for expected in [
            "customer 2 (Customer 2) was deleted here, and stays deleted; --bring-back 2 brings it over again",
            "2 here already, 0 here and different, 0 refused, 1 deleted here",
        ] {
            assert!(said(&again).contains(expected), "{expected} is not in {}", said(&again));
        }
        assert_eq!(api.get("/v2/customers/2").status, 404);
    }
    let back = migrate(&server, source.address, "a-key", &["--bring-back", "2"]);
    assert!(
        back.status.success() && said(&back).contains("1 brought over, 2 here already"),
        "{}",
        said(&back)
    );
    assert_eq!(api.get("/v2/customers/2").json()["name"], "Customer 2");
}
