//! `tenantry customers import` and `export`.

use super::Desk;
use crate::support::{Api, Database, Engine, Failures, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::process::Stdio;

on_both_engines!(
    a_file_is_imported_and_exported_again,
    customers_are_changed_by_id_external_id_and_name,
    the_same_file_again_creates_nothing_twice,
);

const HEADER: &str = "name,street1,city,state,zipcode,country";

/// A file of customers with these names, and nothing wrong.
pub(super) fn file(names: &[&str]) -> String {
    let rows = names.iter().map(|name| format!("{name},1 Main St,Springfield,MA,01234,US\n"));
    format!("{HEADER}\n{}", rows.collect::<String>())
}

fn names(api: &Api) -> Vec<String> {
    let page = api.get("/v2/customers?per_page=100").json();
    page["customers"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
}

/// What the partner says of its customers: without what every creation makes anew.
fn told(api: &Api) -> Vec<Value> {
    let mut customers = api.get("/v2/customers?per_page=100").json()["customers"].take();
    for customer in customers.as_array_mut().unwrap() {
        let fields = customer.as_object_mut().unwrap();
        fields.retain(|name, _| {
            !["id", "generated_external_id", "created_at", "updated_at", "_links"].contains(&name.as_str())
        });
    }
    customers.as_array().unwrap().clone()
}

fn a_file_is_imported_and_exported_again(engine: Engine) {
    let server = Server::shared(engine);
    let (one, other, third) = (server.partner(), server.partner(), server.partner());
    let desk = Desk::of(&one);
    desk.write(
        "customers.csv",
        "\u{feff}Name,Street1,Street2,City,State,Zipcode,Country,Classification,trial_expiration_date,Billing Contact,\
         margin_percentage,billing_enabled,billing_folder,tags,tag:Region,Notes\r\n\
         \"Acme, \"\"the\"\" Corp\",1 Main St,,Springfield,MA,01234,USA,managed_with_access,2016-12-01,jane@acme.example,\
         12.3456,true,bills/acme,vip; a=1=2,emea,ignored\r\n\
         Müller & Söhne,Hauptstr. 1,Hof,Köln,,50667,Deutschland,,,,,,,,,\r\n\
         '=SUM(A1),1 Main St,,Springfield,MA,01234,US,,,,,,,,,\r\n\
         ,,,,,,,,,,,,,,,\r\n",
    );
    let import = ["customers", "import", "customers.csv", "--ignore", "Notes"];
    assert_eq!(desk.ok(&[&import[..], &["--dry-run"]].concat()), "would create 3 customers\n");
    assert_eq!(names(&one), Vec::<String>::new());
    assert_eq!(desk.ok(&import), "customers.csv: 3 created\n");
    let made = told(&one);
    let mut by_name = made.clone();
    by_name.sort_by_key(|customer| customer["name"].to_string());
    let acme = &by_name[1];
    let expected = json!({
        "name": "Acme, \"the\" Corp", "margin_percentage": 12.3456, "classification": "managed_with_access",
        "trial_expiration_date": "2016-12-01T00:00:00Z", "billing_contact": "jane@acme.example",
        "partner_billing_configuration": {"enabled": true, "folder": "bills/acme"},
        "address": {"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"},
        "tags": [{"key": "vip", "value": ""}, {"key": "a", "value": "1=2"}, {"key": "Region", "value": "emea"}],
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(acme[field], *value, "{field}");
    }
    assert_eq!(by_name[2]["name"], "Müller & Söhne");
    assert_eq!(by_name[0]["name"], "=SUM(A1)", "the quote that keeps a spreadsheet from running it is gone");

    // A customer with a tenant and an address, as directories and hands leave them.
    let id = one.create(&customer(&json!({"name": "Both"})))["id"].clone();
    assert_eq!(one.put(&format!("/v2/customers/{id}"), &json!({"azure_customer_id": "34fdg"})).status, 200);
    one.create(&customer(&json!({"name": "Odd tags", "tags": [{"key": "a=b", "value": "c;d"}]})));
    for (format, partner) in [("all.csv", &other), ("all.jsonl", &third)] {
        let said = desk.ok(&["customers", "export", format]);
        assert_eq!(said, format!("{format}: 5 customers\n"));
        let there = Desk::of(partner);
        there.write(format, desk.read(format));
        assert_eq!(
            there.ok(&["customers", "import", format, "--concurrency", "1"]),
            format!("{format}: 5 created\n")
        );
        assert_eq!(told(partner), told(&one), "{format}");
        assert_eq!(desk.ok(&["customers", "import", format]), format!("{format}: 5 unchanged\n"));
        assert_eq!(
            desk.ok(&["customers", "import", format, "--update-by", "name"]),
            format!("{format}: 5 unchanged\n")
        );
        assert_eq!(desk.ok(&["customers", "export", "-", "--jsonl"]).lines().count(), 5);
    }
    assert_eq!(desk.read("all.csv"), desk.ok(&["customers", "export"]));
    // Of nobody, the titles alone, once.
    let nobody = desk.ok(&["customers", "export", "-", "--tag", "Region=nowhere"]);
    assert_eq!(nobody.lines().collect::<Vec<_>>(), [desk.read("all.csv").lines().next().unwrap()]);
    let emea = desk.ok(&["customers", "export", "-", "--tag", "Region=emea", "--jsonl"]);
    assert_eq!(emea.lines().count(), 1);
}

/// Every row that is wrong is told, and nothing is sent.
#[test]
fn every_bad_row_is_told_with_its_line_and_column() {
    let api = Server::shared(Engine::Sqlite).partner();
    let desk = Desk::of(&api);
    let good = "Good,1 Main St,Springfield,MA,01234,US\n";
    let long = "x".repeat(1 << 20);
    let rows = format!(
        "{HEADER},margin_percentage,tags,trial_expiration_date\n\
         Good,1 Main St,Springfield,MA,01234,US,,,\n\
         Acme,1 Main St,Springfield,Massachusetts,01234,US,\"12,5\",,\n\
         Beta,1 Main St,Sydney,NSW,2000,AU,,[a],2016-01-01\n\
         \"Ga\nmma\",1 Main St,Springfield,MA,01234,US\n\
         GOOD ,1 Main St,,MA,01234,US,120,,\n\
         {long},1 Main St,Springfield,MA,01234,US,,,\n\
         ,,,,,,7,,\n"
    );
    desk.write("bad.csv", &rows);
    let told = desk.run(&["customers", "import", "bad.csv"]);
    told.fails(3, "bad.csv: ");
    for expected in [
        "line 3, column 7 (margin_percentage): must be a number such as 12.5, not \"12,5\"\n",
        "line 3, column 4 (state): must be the abbreviation of two letters: use MA\n",
        "line 4, column 4 (state): must be the full name: use New South Wales\n",
        "line 4, column 8 (tags): must be like region=emea; vip, or a JSON list",
        "line 5: has 6 columns, and the header has 9",
        "line 7, column 3 (city): is required\n",
        "line 7, column 1 (name): it is also in line 2; a customer may be in one row only\n",
        "line 7, column 7 (margin_percentage): must be at least 0 and less than 100, not 120\n",
        "line 8: has 10",
        "line 9, column 1 (name): is required\n",
        "line 9: azure_customer_id or address is required",
    ] {
        assert!(
            told.stderr.contains(expected),
            "{expected} is not in {}",
            &told.stderr.chars().take(3000).collect::<String>()
        );
    }
    assert!(told.stderr.len() < 5000, "the row itself is not repeated");
    // Those of a row that can be read are all told, with what would be right.
    desk.write(
        "bad.csv",
        format!("{HEADER},trial_expiration_date\nBeta,1 Main St,Sydney,NSW,2000,AU,2016-01-01\n"),
    );
    desk.run(&["customers", "import", "bad.csv"]).fails(
        3,
        "2 things are wrong, and nothing was sent\n  \
         line 2, column 4 (state): must be the full name: use New South Wales\n  \
         line 2, column 7 (trial_expiration_date): must be in the future",
    );
    let lines = [
        r#"{"name": "Good", "azure_customer_id": "1"}"#,
        r#"{"name": "Acme", "azure_customer_id": 7, "clasification": "managed_with_access"}"#,
        r#"{"name": "Acme"#,
        "[]",
        r#"{"name": "good", "azure_customer_id": "1"}"#,
    ];
    desk.write("bad.jsonl", lines.join("\n"));
    let told = desk.run(&["customers", "import", "bad.jsonl"]);
    for expected in [
        "line 2: clasification is unknown; did you mean classification?",
        "line 3: column 15: ",
        "line 4: must be a JSON object",
        "line 5: name is also in line 1",
        "line 5: azure_customer_id is also in line 1",
    ] {
        told.fails(3, expected);
    }
    assert_eq!(names(&api), Vec::<String>::new());
    desk.write("good.csv", format!("{HEADER}\n{good}"));
    assert_eq!(desk.ok(&["customers", "import", "good.csv"]), "good.csv: 1 created\n", "the control");
}

#[test]
fn files_that_cannot_be_read_are_told_in_a_line() {
    let api = Server::shared(Engine::Sqlite).partner();
    let desk = Desk::of(&api);
    let utf16: Vec<u8> = file(&["Müller"]).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin: Vec<u8> =
        file(&["Acme", "Müller"]).chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let semicolons = file(&["Acme"]).replace(',', ";");
    let unclosed =
        format!("{HEADER}\n\"Acme,1 Main St\n{}", "Beta,1 Main St,Springfield,MA,01234,US\n".repeat(150_000));
    let mut failures = Failures::default();
    for (name, bytes, args, why) in [
        ("UTF-16", [&[0xff, 0xfe], utf16.as_slice()].concat(), &[][..], "it is UTF-16"),
        ("Windows-1252", latin, &[], "line 3, column 1 (name): is not UTF-8, perhaps Windows-1252"),
        ("semicolons", semicolons.clone().into(), &[], "repeat with --delimiter ';'"),
        ("tabs", file(&["Acme"]).replace(',', "\t").into(), &[], "repeat with --delimiter tab"),
        ("a spreadsheet", b"PK\x03\x04\x14\x00".to_vec(), &[], "save a spreadsheet as \"CSV UTF-8\""),
        ("nothing", b" \n".to_vec(), &[], "it is empty"),
        ("a JSON list", b"[{}]".to_vec(), &[], "it is a JSON list"),
        ("a quote that is not closed", unclosed.into(), &[], "is a quote not closed?"),
        (
            "another separator",
            semicolons.into(),
            &["--delimiter", "tab"],
            "column 1 (name;street1;city;state;zipcode;country)",
        ),
        ("unknown columns", b"Name,Zip,Colour\n".to_vec(), &[], "did you mean zipcode?"),
        (
            "a map of nothing",
            file(&["Acme"]).into(),
            &["--map", "Firma=name"],
            "there is no column \"Firma\"",
        ),
        ("no map", file(&["Acme"]).into(), &["--map", "name"], "--map must be TITLE=FIELD"),
    ] {
        desk.write("file", bytes);
        let ran = desk.run(&[&["customers", "import", "file"], args].concat());
        let is_told = ran.code == Some(3) && ran.stderr.contains(why) && ran.stdout.is_empty();
        failures.case(name, if is_told { Ok(()) } else { Err(format!("{ran:?}")) });
    }
    failures.done(12);
    desk.run(&["customers", "import", "none.csv"]).fails(3, "cannot read none.csv");
    // A pipe that breaks off.
    let whole = file(&["Acme", "Beta"]);
    desk.run_with(&["customers", "import", "-"], &whole[..whole.len() - 12])
        .fails(3, "standard input: 1 thing is wrong");
    assert_eq!(names(&api), Vec::<String>::new());
    desk.write("file", file(&["Acme"]).replace(',', ";"));
    desk.ok(&["customers", "import", "file", "--delimiter", ";"]);
    desk.run_with(&["customers", "import", "-"], "{\"name\": \"Beta\", \"azure_customer_id\": \"1\"}\n\n")
        .ok();
    assert_eq!(names(&api), ["Acme", "Beta"]);
}

fn customers_are_changed_by_id_external_id_and_name(engine: Engine) {
    let api = Server::shared(engine).partner();
    let desk = Desk::of(&api);
    let made: Vec<Value> = ["Acme", "Beta", "Gamma"]
        .iter()
        .map(|name| api.create(&customer(&json!({"name": name, "margin_percentage": 10}))))
        .collect();
    let text = |customer: &Value, field: &str| customer[field].to_string().trim_matches('"').to_owned();
    let read = |number: usize| api.get(&format!("/v2/customers/{}", made[number]["id"])).json();

    desk.write(
        "by-id.csv",
        format!(
            "id,margin_percentage,city\n{},12.5,Boston\n{},10.0,\n",
            text(&made[0], "id"),
            text(&made[1], "id")
        ),
    );
    let import = ["customers", "import", "by-id.csv", "--update-by", "id"];
    let would = desk.ok(&[&import[..], &["--dry-run"]].concat());
    let id = &made[0]["id"];
    assert_eq!(
        would,
        format!(
            "line 2: customer {id}: margin_percentage: 10.0 → 12.5\nline 2: customer {id}: address.city: Springfield → Boston\n\
                 would change 1 customer, leave as they are 1 customer\n"
        )
    );
    assert_eq!(read(0), made[0]);
    assert_eq!(desk.ok(&import), "by-id.csv: 1 updated, 1 unchanged\n");
    assert_eq!(
        (&read(0)["margin_percentage"], &read(0)["address"]["city"]),
        (&json!(12.5), &json!("Boston"))
    );
    assert_eq!(read(0)["address"]["street1"], made[0]["address"]["street1"]);
    assert_eq!(read(1), made[1]);

    desk.write(
        "by-external.csv",
        format!("external_id,name\n{},Acme Inc\n", text(&made[0], "generated_external_id")),
    );
    assert_eq!(
        desk.ok(&["customers", "import", "by-external.csv", "--update-by", "external-id"]),
        "by-external.csv: 1 updated\n"
    );
    assert_eq!(read(0)["name"], "Acme Inc");

    // By name: what is not there is created.
    desk.write(
        "by-name.csv",
        format!(
            "{}New,1 Main St,Springfield,MA,01234,US\n",
            file(&["ACME inc ", "Gamma"]).replace("Springfield", "Boston")
        ),
    );
    assert_eq!(
        desk.ok(&["customers", "import", "by-name.csv", "--update-by", "name", "--json"])
            .matches(": 0")
            .count(),
        4
    );
    assert_eq!(names(&api), ["ACME inc", "Beta", "Gamma", "New"]);

    desk.write("unknown.csv", "id,name\n999999,A\n");
    desk.run(&["customers", "import", "unknown.csv", "--update-by", "id"])
        .fails(3, "line 2: there is no customer 999999");
    desk.write("twice.csv", "id,margin_percentage\n7,1\n7,2\n");
    desk.run(&["customers", "import", "twice.csv", "--update-by", "id"])
        .fails(3, "line 3: id is also in line 2");
}

fn the_same_file_again_creates_nothing_twice(engine: Engine) {
    let api = Server::shared(engine).partner();
    let desk = Desk::of(&api);
    desk.write("c.csv", file(&["Acme", "Beta", "Gamma"]));
    let import = ["customers", "import", "c.csv", "--result", "done.csv"];
    assert_eq!(desk.ok(&import), "c.csv: 3 created\n");
    let made = api.get("/v2/customers").json();
    let result = desk.read("done.csv");
    assert!(
        result.starts_with(&format!("{HEADER},id,result,error\nAcme,1 Main St,Springfield,MA,01234,US,")),
        "{result}"
    );
    assert_eq!(result.matches(",created,\n").count(), 3, "{result}");
    assert_eq!(desk.ok(&import), "c.csv: 3 unchanged\n");
    assert_eq!(api.get("/v2/customers").json(), made);

    // One that was deleted since is wanted again.
    let beta =
        made["customers"].as_array().unwrap().iter().find(|c| c["name"] == "Beta").unwrap()["id"].clone();
    assert_eq!(api.delete(&format!("/v2/customers/{beta}")).status, 204);
    assert_eq!(desk.ok(&import), "c.csv: 1 created, 2 unchanged\n");
    assert_eq!(desk.ok(&import), "c.csv: 3 unchanged\n");
    let mut now = names(&api);
    now.sort();
    assert_eq!(now, ["Acme", "Beta", "Gamma"]);

    // A row that says something else of a customer that is there is no repetition.
    desk.write("c.csv", file(&["Acme", "Beta", "Delta"]).replacen("Springfield", "Boston", 1));
    let ran = desk.run(&["customers", "import", "c.csv", "--result", "done.csv"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "c.csv: 1 created, 1 unchanged, 1 refused\n"));
    assert!(ran.stderr.contains("c.csv: line 2: name has already been taken by customer "), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("of which this differs: address.city; --update-by name changes it"),
        "{}",
        ran.stderr
    );
    // The result can be fed back, with the cause removed.
    let result = desk.read("done.csv");
    assert!(result.contains(",refused,\"name has already been taken"), "{result}");
    let again = desk.ok(&["customers", "import", "done.csv", "--update-by", "name", "--result", "done.csv"]);
    assert_eq!(again, "done.csv: 1 updated, 2 done before\n");
    assert_eq!(desk.read("done.csv").matches(",created,").count(), 1);
    assert!(!desk.folder().join("done.csv.part").exists());

    // More than a day later nothing is replayed: what is there, as the row says, is what was wanted.
    desk.write("c.jsonl", r#"{"name": "Gamma", "address": {"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"}, "classification": "managed_without_access"}"#);
    let ran = desk.ok(&["customers", "import", "c.jsonl", "--result", "done.jsonl"]);
    assert_eq!(ran, "c.jsonl: 1 unchanged\n", "another body, so another key");
    let result: Value = serde_json::from_str(&desk.read("done.jsonl")).unwrap();
    assert_eq!((&result["result"], &result["error"]), (&json!("unchanged"), &Value::Null));
    assert!(result["id"].is_i64());
}

#[test]
fn a_key_that_may_not_and_a_server_that_is_not_there_stop_it() {
    let api = Server::shared(Engine::Sqlite).partner();
    let (_, viewer) = api.colleague("viewer");
    let desk = Desk::of(&viewer);
    desk.write("c.csv", file(&["Acme", "Beta"]));
    desk.run(&["customers", "import", "c.csv"])
        .fails(4, "importing needs the role admin or operator, and this key has viewer");
    let desk = Desk::of(&api.on("127.0.0.1:1".parse().unwrap()));
    desk.write("c.csv", file(&["Acme", "Beta"]));
    desk.run(&["customers", "import", "c.csv", "--retry-for", "0"])
        .fails(7, "cannot reach http://127.0.0.1:1");
    assert_eq!(names(&api), Vec::<String>::new());
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--key-rate", "5"]);
    let desk = Desk::of(&server.admin());
    // A key whose rate is whole when the other's is used up.
    let (_, colleague) = server.admin().colleague("admin");
    let many: Vec<String> = (0..70).map(|n| format!("Customer {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    desk.write("c.csv", file(&many));
    assert_eq!(desk.ok(&["customers", "import", "c.csv"]), "c.csv: 70 created\n");
    assert!(
        server.log().contains("429")
            || server.admin().get("/metrics").text().contains("tenantry_requests_refused_total"),
        "it was asked to wait"
    );
    let desk = Desk::of(&colleague);
    desk.write("c.csv", file(&many).replace("Customer", "Other"));
    let ran = desk.run(&["customers", "import", "c.csv", "--retry-for", "0", "--result", "done.csv"]);
    assert_eq!(ran.code, Some(7), "{ran:?}");
    assert!(
        ran.stderr.contains("rows were not sent; importing the file again creates nothing twice"),
        "{ran:?}"
    );
    let unsent = desk.read("done.csv").matches(",not sent,").count();
    assert!(unsent > 0);
    let again = desk.ok(&["customers", "import", "done.csv"]);
    assert!(again.starts_with(&format!("done.csv: {unsent} created")), "{again}");
}

/// Set for a million rows; without it fewer, so that the suite is quick.
const ROWS: &str = "TENANTRY_TEST_ROWS";
/// What the program itself may need, and each row besides, in KiB.
const MOST_MEMORY: (usize, f64) = (64 * 1024, 0.15);

#[test]
fn memory_does_not_grow_with_the_file() {
    let rows: usize = std::env::var(ROWS).map_or(20_000, |rows| rows.parse().unwrap());
    let api = Server::shared(Engine::Sqlite).partner();
    let desk = Desk::of(&api);
    let mut text = format!("{HEADER},billing_contact,tag:Note\n");
    for number in 0..rows {
        let note = "x".repeat(200);
        text += &format!(
            "Customer {number},1 Main St,Springfield,MA,01234,US,jane{number}@acme.example,{note}\n"
        );
    }
    desk.write("many.csv", &text);
    let args = ["customers", "import", "many.csv", "--dry-run"];
    let mut child = desk.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = kib.map_or(peak, |kib| peak.max(kib.trim().parse().unwrap()));
        std::thread::yield_now();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("would create {rows} customers\n"));
    println!("{rows} rows, {} MiB of file: {} MiB of memory", text.len() >> 20, peak >> 10);
    let most = MOST_MEMORY.0 + (rows as f64 * MOST_MEMORY.1) as usize;
    assert!((1..most).contains(&peak), "{peak} KiB for {rows} rows");
}
