//! A clerk's month from the sign-in to final statements, with nothing but what the pages say, and the customer's side of it.

use crate::page::ENTER;
use crate::support::{ABSENT, Api, Database, Engine, Server, customer, line, usage};
use crate::{Look, Page};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The clock: the month after the one that is billed.
const NOW: &str = "2026-11-02T08:00:00Z";
/// By then the lease of a server that died has ended.
const LATER: &str = "2026-11-02T08:05:00Z";

/// A billed customer with this tenant.
fn billed(admin: &Api, name: &str, tenant: &str) -> i64 {
    let made = admin.create(&customer(&json!({
        "name": name, "azure_customer_id": tenant, "address": ABSENT, "margin_percentage": 20.0,
        "classification": "managed_with_access", "trial_expiration_date": "2026-11-02T10:00:00Z",
        "partner_billing_configuration": {"enabled": true, "folder": tenant},
    })));
    made["id"].as_i64().unwrap()
}

fn write(database: &Database, name: &str, content: &str) {
    let invoices = database.folder().join("data/invoices");
    std::fs::create_dir_all(&invoices).unwrap();
    std::fs::write(invoices.join(name), content).unwrap();
}

/// Puts a month into its field, which each language's browser has other keys for.
fn choose_month(page: &Page, month: &str) {
    page.find("#billing_period");
    page.run(&format!("document.getElementById('billing_period').value = {}", json!(month)));
}

#[test]
fn a_clerk_closes_a_month_and_the_customer_sees_its_bill() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let acme = billed(&admin, "Acme", "acme");
    billed(&admin, "Beta", "beta");
    let lines =
        [line("acme", "Storage", "100"), line("beta", "Storage", "50"), line("beta-two", "Bandwidth", "40")];
    write(&database, "october.csv", &usage(&lines));
    let body = json!({"email": "clerk@example.com", "roles": ["operator", "billing"]});
    let (_, clerk) = admin.user("/v2/users", &body);

    let Some(page) = Page::open(&clerk, Look::default()) else { return };
    page.go("/");
    page.field("API key").type_text(&format!("{}{ENTER}", clerk.key));
    page.press("Billing");
    page.press("Start the run");
    page.sees("There is a problem");
    choose_month(&page, "2026-10");
    page.field("Files of line items").type_text("file:october.csv");
    page.press("Start the run");
    // The page is loaded again when the run has ended.
    page.find("//h1[normalize-space()='October 2026 Done']");
    page.find("//h2[.='Money on no bill']");
    page.sees("beta-two");
    page.press("Assign to a customer");
    page.press("Assign");
    page.sees("There is a problem");
    page.find("//label[.='Beta']").click();
    page.press("Assign");
    page.sees("The tenants were assigned.");
    page.press("Billing");
    page.press("October 2026");
    page.press("Bill this month again");
    page.find("//h1[normalize-space()='October 2026 Done']");
    page.sees("The bills and the rest add up to Microsoft’s files, to the last digit.");
    assert_eq!(page.count("#unassigned"), 0, "everything is on a bill");
    let rows =
        page.run("return [...document.querySelectorAll('#bills ~ .scroll tbody tr')].map(r => r.innerText)");
    let rows = rows.to_string().replace('\u{a0}', " ");
    assert!(rows.contains("125.00 USD") && rows.contains("112.50 USD"), "{rows}");
    page.press("Make final");
    page.find("//h1[.='Make October 2026 final?']");
    page.press("Make final");
    page.sees("Final: these bills are what is owed.");
    page.end();

    // The customer's side, until its trial ends with the page open.
    let (_, reader) = admin.user_of(acme);
    let page = Page::signed_in(&reader, Look { width: 360, ..Look::default() }).unwrap();
    page.find("//dt[.='Last bill: October 2026']");
    page.find("//dd[contains(@class,'total')]/a").click();
    page.find("//h1[contains(.,'October 2026')]");
    let text = page.find("main").text().replace('\u{a0}', " ");
    assert!(text.contains("125.00 USD") && !text.contains("100.00 USD"), "a customer sees no cost: {text}");
    admin.set_clock("2026-11-02T10:00:00Z");
    page.press("Bills");
    page.sees("You do not have access");
    page.find("//p[contains(.,'trial expired')]");
    page.press("Go to the sign-in page");
    page.field("API key");
    page.end();
}

/// Passes bytes on to the server whose address `there` has, so that another one can come in its place.
fn relay(there: &Arc<Mutex<SocketAddr>>) -> SocketAddr {
    fn copy(mut from: TcpStream, mut to: TcpStream) {
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            drop(to.shutdown(std::net::Shutdown::Both));
        });
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let there = Arc::clone(there);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let address = *there.lock().unwrap();
            let Ok(server) = TcpStream::connect(address) else { continue };
            copy(client.try_clone().unwrap(), server.try_clone().unwrap());
            copy(server, client);
        }
    });
    here
}

#[test]
fn a_run_is_watched_also_when_its_server_dies() {
    let database = Database::new(Engine::Sqlite);
    let mut server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let there = Arc::new(Mutex::new(server.address));
    let admin = server.admin().on(relay(&there));
    billed(&admin, "Acme", "acme");
    let lines: Vec<_> = (0..40_000).map(|_| line("acme", "Storage", "1.005")).collect();
    write(&database, "october.csv", &usage(&lines));
    let Some(page) = Page::signed_in(&admin, Look::default()) else { return };
    page.go("/console/billing");
    choose_month(&page, "2026-10");
    page.field("Files of line items").type_text("file:october.csv");
    page.press("Start the run");
    page.find("[data-progress] progress");
    server.kill();
    assert_ne!(database.value("SELECT state FROM bill_runs"), "succeeded", "it was killed too late");
    // The page stays as it is, and goes on when another server has come.
    page.find("[data-progress] progress");
    let again = Server::start(&database, &["--sandbox", "--at", LATER]);
    *there.lock().unwrap() = again.address;
    page.find("//h1[normalize-space()='October 2026 Done']");
    assert_eq!(page.count("[data-progress]"), 0);
    page.find("//h2[.='Customers']");
    assert_eq!(page.find("tbody th").text(), "Acme");
    drop(page);
}
