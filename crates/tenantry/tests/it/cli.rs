//! The command line: keys at the first start, partners, and what is said when something is wrong.

use crate::support::{Api, Database, Engine, Server, command, customer, on_both_engines};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const CHOSEN: &str = "a-key-that-an-operator-has-chosen-1234";

on_both_engines!(
    the_first_start_writes_a_key_that_works_and_later_ones_write_none,
    a_first_start_that_cannot_listen_makes_no_key,
    a_key_is_chosen_in_a_file,
    nothing_is_made_by_mistake,
    a_chosen_key_works_and_is_not_shown,
    a_partner_is_made_with_an_admin,
    partners_names_are_unique,
);

fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The key that a first start without a terminal has left in a file.
fn first_key(database: &Database, engine: Engine) -> (PathBuf, String) {
    let folder = if engine == Engine::Sqlite { "" } else { "data" };
    let path = database.folder().join(folder).join("admin.key");
    let key = std::fs::read_to_string(&path).unwrap();
    (path, key.trim().to_owned())
}

fn the_first_start_writes_a_key_that_works_and_later_ones_write_none(engine: Engine) {
    let database = Database::new(engine);
    let mut first = Server::start_as(&database, &[], |_| {});
    first.signal("TERM");
    let printed = first.wait().1;
    let (path, key) = first_key(&database, engine);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    for told in [&printed, &first.log()] {
        assert!(told.contains("admin.key") && !told.contains(&key) && !told.contains("curl"), "{told}");
    }
    std::fs::remove_file(&path).unwrap();

    let mut second = Server::start_as(&database, &[], |_| {});
    assert_eq!(Api::new(second.address, &key).get("/v2/customers").status, 200);
    second.signal("TERM");
    let printed = second.wait().1;
    assert!(!printed.contains("tnt_") && !printed.contains("admin.key"), "{printed}");
    assert!(!path.exists());
    let log = second.log();
    let start = log.lines().find(|line| line.contains("serving")).unwrap();
    assert!(
        start.contains("127.0.0.1:") && start.contains("schema") && !start.contains("postgres:tenantry"),
        "{start}"
    );
}

fn a_first_start_that_cannot_listen_makes_no_key(engine: Engine) {
    let database = Database::new(engine);
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let refused = run(database.folder(), &["serve", "--listen", &taken, "--database", &database.url]);
    assert!(
        !refused.status.success() && said(&refused).contains("another program listens there"),
        "{refused:?}"
    );
    // Otherwise it would be shown once, where nobody listens, and the next start would know of it.
    let server = Server::start_as(&database, &[], |_| {});
    let (_, key) = first_key(&database, engine);
    assert_eq!(Api::new(server.address, &key).get("/v2/customers").status, 200);
    assert!(server.log().contains("admin.key"), "this start has made it");
}

/// `script` gives it a terminal.
#[test]
fn on_a_terminal_the_first_start_shows_a_key_and_a_request_to_paste() {
    let database = Database::new(Engine::Sqlite);
    let (binary, pid) = (env!("CARGO_BIN_EXE_tenantry"), database.folder().join("pid"));
    let serve = format!("{binary} serve --listen 127.0.0.1:0 --database {}", database.url);
    let line = format!("echo $$ > {}; exec {serve}", pid.display());
    let typescript = database.folder().join("typescript");
    let mut child = Command::new("script")
        .args(["-qfec", &line])
        .arg(&typescript)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    while !shown.contains("\"US\"}}'") && lines.read_line(&mut shown).unwrap() > 0 {}
    let address = shown.split("http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let key = shown.split_whitespace().find(|word| word.starts_with("tnt_")).unwrap().to_owned();
    assert_eq!(Api::new(address.parse().unwrap(), &key).get("/v2/customers").status, 200);
    // The server outlives its terminal.
    let killed = Command::new("kill").arg("-9").arg(std::fs::read_to_string(&pid).unwrap().trim()).status();
    assert!(killed.unwrap().success());
    child.wait().unwrap();
    assert!(
        shown.contains(&format!("curl -i http://{address}/v2/customers"))
            && shown.contains(&format!("Bearer {key}"))
    );
    assert!(!database.folder().join("admin.key").exists());
}

fn a_chosen_key_works_and_is_not_shown(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start_as(&database, &[], |command| {
        command.env("TENANTRY_BOOTSTRAP_KEY", CHOSEN).env("TENANTRY_LOG", "trace");
    });
    assert_eq!(Api::new(server.address, CHOSEN).get("/v2/customers").status, 200);
    server.signal("TERM");
    let printed = server.wait().1;
    assert!(!printed.contains(CHOSEN) && !printed.contains("curl"), "{printed}");
    assert!(!server.log().contains(CHOSEN));
}

fn a_key_is_chosen_in_a_file(engine: Engine) {
    let database = Database::new(engine);
    let file = database.folder().join("chosen");
    std::fs::write(&file, format!("{CHOSEN}\n")).unwrap();
    let mut server = Server::start_as(&database, &[], |command| {
        command.env("TENANTRY_BOOTSTRAP_KEY_FILE", &file);
    });
    assert_eq!(Api::new(server.address, CHOSEN).get("/v2/customers").status, 200);
    server.signal("TERM");
    assert!(!server.wait().1.contains(CHOSEN) && !server.log().contains(CHOSEN));
    for (variables, why) in [
        (&[("TENANTRY_BOOTSTRAP_KEY_FILE", "/nothing/there")][..], "cannot read /nothing/there"),
        (&[("TENANTRY_BOOTSTRAP_KEY_FILE", "/dev/null"), ("TENANTRY_BOOTSTRAP_KEY", CHOSEN)], "not both"),
        (
            &[("TENANTRY_BOOTSTRAP_KEY_FILE", "/dev/null")],
            "TENANTRY_BOOTSTRAP_KEY: the file /dev/null is empty",
        ),
    ] {
        let mut serve =
            command(database.folder(), &["serve", "--listen", "127.0.0.1:0", "--database", &database.url]);
        let output = serve.envs(variables.iter().copied()).output().unwrap();
        assert!(!output.status.success() && said(&output).contains(why), "{}", said(&output));
    }
}

/// Only `serve` makes a database, and only together with its secret key.
fn nothing_is_made_by_mistake(engine: Engine) {
    let database = Database::empty(engine);
    let key = database.folder().join("the.key");
    let key_file = key.to_str().unwrap();
    let here = |args: &[&str]| {
        run(
            database.folder(),
            &[args, &["--database", &database.url, "--secret-key-file", key_file]].concat(),
        )
    };
    let refused = |args: &[&str], why: &str| {
        let output = here(args);
        let said = said(&output);
        assert!(
            !output.status.success() && said.contains(why) && !said.contains("panicked"),
            "{args:?}: {said}"
        );
        assert!(output.stdout.is_empty(), "{args:?}");
    };
    let commands: [&[&str]; 5] = [
        &["audit", "verify"],
        &["partner", "list"],
        &["partner", "create", "A", "--admin", "a@example.com"],
        &["user", "list"],
        &["price-rule", "list"],
    ];
    for args in &commands {
        refused(args, "there is no database of Tenantry at");
        assert!(!key.exists(), "{args:?} made a secret key");
    }
    assert!(engine == Engine::Postgres || !Path::new(&database.url["sqlite:".len()..]).exists());

    // A database without its key: nothing is made, by the server neither.
    let start = |args: &[&str]| Server::start(&database, &[&["--secret-key-file", key_file], args].concat());
    drop(start(&[]));
    let text = std::fs::read_to_string(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    for args in commands.iter().chain([&&["serve", "--listen", "127.0.0.1:0"][..]]) {
        refused(args, "the secret key of this database is not at");
        assert!(!key.exists(), "{args:?} made a secret key");
    }
    // A key that others may read.
    std::fs::write(&key, &text).unwrap();
    for (mode, good) in [(0o644, false), (0o660, false), (0o606, false), (0o600, true), (0o400, true)] {
        std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
        if good {
            assert!(here(&["audit", "verify"]).status.success(), "{mode:o}");
        } else {
            // A file of root's may be read by its group.
            let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&key).unwrap());
            let advice = if owner == 0 { "chmod 640" } else { "chmod 600" };
            refused(&["audit", "verify"], &format!("{advice} {key_file}"));
            refused(&["serve", "--listen", "127.0.0.1:0"], &format!("has mode {mode:04o}"));
            let doctor = here(&["doctor"]);
            let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
            assert!(!doctor.status.success() && told.contains("chmod 600"), "{told}");
        }
    }
    // A key without its database.
    let other = Database::empty(engine);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--secret-key-file", key_file, "--database", &other.url];
    let output = run(database.folder(), &serve);
    assert!(!output.status.success() && said(&output).contains("start with --new"), "{}", said(&output));
    drop(Server::start(&other, &["--secret-key-file", key_file, "--new"]));
    drop(Server::start(&other, &["--secret-key-file", key_file]));
    drop(Server::start(&other, &["--secret-key-file", key_file, "--new"]));
}

#[test]
fn a_chosen_key_that_is_too_weak_stops_the_start() {
    let database = Database::new(Engine::Sqlite);
    for (key, why) in [("too-weak", "at least 32 characters"), (&"ü".repeat(40), "visible ASCII")] {
        let output =
            command(database.folder(), &["serve", "--listen", "127.0.0.1:0", "--database", &database.url])
                .env("TENANTRY_BOOTSTRAP_KEY", key)
                .output()
                .unwrap();
        assert!(!output.status.success());
        let said = said(&output);
        assert!(
            said.contains("TENANTRY_BOOTSTRAP_KEY") && said.contains(why) && !said.contains(key),
            "{said}"
        );
        assert!(output.stdout.is_empty());
    }
}

fn a_partner_is_made_with_an_admin(engine: Engine) {
    let database = Database::new(engine);
    drop(Server::start(&database, &[]));
    let args =
        ["partner", "create", " Contoso  Ltd ", "--admin", "Jane@Example.com", "--database", &database.url];
    let output = run(database.folder(), &[&args[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let mut printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let key = printed["api_key"].take();
    let expected = json!({
        "partner": {"id": 2, "name": "Contoso  Ltd"}, "user": {"id": 1, "email": "Jane@Example.com"}, "api_key": null,
    });
    assert_eq!(printed, expected);

    // A server that finds a partner makes none.
    let mut server = Server::start_as(&database, &[], |_| {});
    let api = Api::new(server.address, key.as_str().unwrap());
    api.create(&customer(&json!({})));
    server.signal("TERM");
    assert!(!server.wait().1.contains("tnt_"));
}

fn partners_names_are_unique(engine: Engine) {
    let database = Database::new(engine);
    drop(Server::start(&database, &[]));
    let create = |name: &str, email: &str| {
        run(database.folder(), &["partner", "create", name, "--admin", email, "--database", &database.url])
    };
    assert!(create("Contoso", "a@example.com").status.success());
    for (name, email, why) in [
        ("Contoso", "b@example.com", "name has already been taken"),
        (" CONTOSO ", "b@example.com", "name has already been taken"),
        ("", "b@example.com", "name is required"),
        ("Fabrikam", "nobody", "email must be an e-mail address"),
        ("a\nb", "nobody", "name must not contain control characters"),
    ] {
        let output = create(name, email);
        let said = said(&output);
        assert!(!output.status.success() && said.contains(why), "{name:?} {email}: {said}");
        assert!(output.stdout.is_empty(), "{name:?}");
    }
    // A refusal leaves nothing behind.
    assert!(create("Fabrikam", "a@example.com").status.success());
}

#[test]
fn what_cannot_be_served_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("t.db").display());
    let none = format!("sqlite:{}", folder.path().display());
    for (args, why) in [
        (
            &["serve", "--listen", "127.0.0.1:0", "--database", "mysql://localhost/t"][..],
            "must start with sqlite: or postgres://",
        ),
        (&["serve", "--listen", "127.0.0.1:0", "--database", &none], "cannot open the database"),
        (&["serve", "--listen", &taken, "--database", &url], "choose another address with --listen"),
        (&["serve", "--listen", "here", "--database", &url], "invalid value 'here'"),
        (&["serve", "--cors-origin", "*"], "name each one"),
        (&["serve", "--cors-origin", "https://a.example,null"], "'null' is the origin of any local file"),
        (&["serve", "--cors-origin", "not an origin"], "such as https://console.example.com"),
        (&["serve", "--trusted-proxies", "10.0.0.0/40"], "\"10.0.0.0/40\" is neither an address nor a range"),
        (&["serve", "--public-url", "tenantry.example.com"], "must start with https:// or http://"),
        (&["serve", "--write-timeout", "0"], "--write-timeout"),
        (&["serve", "--max-connections-per-address", "0"], "--max-connections-per-address"),
        (&["serve", "--at", "2016-09-15"], "--sandbox"),
        (&["serve", "--sandbox", "--at", "yesterday"], "--at must be an ISO 8601 date"),
        (&["serve", "--request-timeout", "0"], "--request-timeout"),
        (&["partner", "create", "Contoso"], "--admin"),
        (&["divest"], "unrecognized subcommand"),
    ] {
        let output = run(folder.path(), args);
        let said = said(&output);
        assert!(!output.status.success() && said.contains(why), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
