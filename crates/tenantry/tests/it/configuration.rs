//! The configuration: what comes before what, what is refused and how that is said, secrets in files, SIGHUP, and the page
//! that the code makes of it.

use crate::support::{Api, Database, Engine, Failures, Server, command, on_both_engines, wait_for};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

on_both_engines!(secrets_come_from_files);

/// Three values for each option, none of them its default: in the file, in the environment, on the command line.
const VALUES: [(&str, [&str; 3]); 58] = [
    ("storage.database", ["sqlite:a.db", "sqlite:b.db", "sqlite:c.db"]),
    ("storage.allow-unsafe-database", ["true", "false", "true"]),
    ("storage.secret-key-file", ["a.key", "b.key", "c.key"]),
    ("storage.audit-anchor", ["a.anchor", "b.anchor", "c.anchor"]),
    ("storage.audit-anchor-log", ["true", "false", "true"]),
    ("storage.read-replica", ["postgres://a/x", "postgres://b/x", "postgres://c/x"]),
    ("storage.new", ["true", "false", "true"]),
    ("directories.allow-egress", ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]),
    ("directories.directory-timeout", ["1", "2", "3"]),
    ("directories.sync-interval", ["1", "2", "3"]),
    ("bills.bills", ["file:a", "file:b", "file:c"]),
    ("bills.bill-sources", ["a", "b", "c"]),
    ("bills.bill-remote-sources", ["s3://a", "s3://b", "s3://c"]),
    ("bills.bill-fetch-to", ["s3://a", "s3://b", "s3://c"]),
    ("bills.bill-work", ["a", "b", "c"]),
    ("bills.bill-max-source", ["1", "2", "3"]),
    ("bills.bill-max-lines", ["1", "2", "3"]),
    ("bills.bill-max-amount", ["1.5", "2.5", "3.5"]),
    ("bills.bill-max-change", ["1", "2", "3"]),
    ("bills.bill-max-new", ["1.5", "2.5", "3.5"]),
    ("bills.bill-max-unassigned", ["1.5", "2.5", "3.5"]),
    ("bills.earned-credit", ["passed_on", "kept", "passed_on"]),
    ("bills.bill-parquet", ["true", "false", "true"]),
    ("bills.bill-focus-datasets", ["true", "false", "true"]),
    ("bills.bill-threads", ["1", "2", "3"]),
    ("bills.bill-lease", ["1", "2", "3"]),
    ("bills.bill-export-wait", ["1", "2", "3"]),
    ("bills.bill-interval", ["1", "2", "3"]),
    ("network.listen", ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]),
    ("network.listen-operations", ["127.0.0.1:1", "127.0.0.1:2", "unix:/c"]),
    ("network.trusted-proxies", ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]),
    ("network.public-url", ["https://a.example", "https://b.example", "https://c.example"]),
    ("network.cors-origin", ["https://a.example", "https://b.example", "https://c.example"]),
    ("network.request-timeout", ["1", "2", "3"]),
    ("network.write-timeout", ["1", "2", "3"]),
    ("network.max-connections", ["1", "2", "3"]),
    ("network.max-connections-per-address", ["1", "2", "3"]),
    ("network.max-request-memory", ["2", "3", "4"]),
    ("network.max-request-memory-per-address", ["2", "3", "4"]),
    ("network.shutdown-delay", ["1", "2", "3"]),
    ("tls.tls-certificate", ["a.pem", "b.pem", "c.pem"]),
    ("tls.tls-key", ["a.key", "b.key", "c.key"]),
    ("limits.key-rate", ["1", "2", "3"]),
    ("limits.partner-rate", ["1", "2", "3"]),
    ("limits.address-rate", ["1", "2", "3"]),
    ("limits.key-concurrency", ["1", "2", "3"]),
    ("limits.partner-concurrency", ["1", "2", "3"]),
    ("limits.partner-slots", ["1", "2", "3"]),
    ("limits.partner-lists", ["1", "2", "3"]),
    ("limits.list-timeout", ["1", "2", "3"]),
    ("backups.upgrade-backup-to", ["a", "b", "none"]),
    ("backups.backup-to", ["a", "b", "c"]),
    ("backups.backup-every", ["1h", "2h", "3h"]),
    ("backups.backup-keep", ["1", "2", "3"]),
    ("sandbox.sandbox", ["true", "false", "true"]),
    ("sandbox.at", ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]),
    ("log.log-level", ["debug", "error", "warn"]),
    ("log.log-format", ["json", "text", "json"]),
];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::Builder::new().prefix("tenantry-test-").tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A command that reads the `tenantry.toml` of this folder, if there is one.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(self.0.path(), args);
        command.env_remove("TENANTRY_CONFIG");
        command
    }

    /// What `config show` says: name, value, origin, variable.
    fn shown(&self, change: impl FnOnce(&mut Command)) -> Vec<[String; 4]> {
        let mut command = self.command(&["config", "show", "--json"]);
        change(&mut command);
        let output = command.output().unwrap();
        let shown: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        let text = |value: &Value, field: &str| value[field].as_str().unwrap().to_owned();
        let values = shown["values"].as_array().unwrap().iter();
        let line = |value: &Value| {
            let name = format!("{}.{}", text(value, "section"), text(value, "key"));
            [name, text(value, "value"), text(value, "from"), text(value, "variable")]
        };
        values.map(line).collect()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn values_of(name: &str) -> [&'static str; 3] {
    let found = VALUES.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("the table has no values for {name}")).1
}

/// Every option of `serve`: flags before variables before the file before defaults.
#[test]
fn every_option_can_be_set_in_three_ways() {
    let folder = Folder::new();
    let defaults = folder.shown(|_| {});
    assert_eq!(defaults.len(), VALUES.len(), "the table and `serve` differ");
    assert!(defaults.iter().all(|[_, _, from, _]| from == "default"), "{defaults:?}");
    let mut text = String::new();
    let mut section = "";
    for [name, ..] in &defaults {
        let (this, key) = name.split_once('.').unwrap();
        if this != section {
            section = this;
            text += &format!("[{section}]\n");
        }
        let value = values_of(name)[0];
        let bare = value.parse::<i64>().is_ok() || ["true", "false"].contains(&value);
        text += &if bare { format!("{key} = {value}\n") } else { format!("{key} = {value:?}\n") };
    }
    folder.write("tenantry.toml", &text);
    let line_of = |name: &str| {
        let key = name.split_once('.').unwrap().1;
        text.lines().position(|line| line.starts_with(&format!("{key} ="))).unwrap() + 1
    };
    let variables = |command: &mut Command| {
        for [name, _, _, variable] in &defaults {
            command.env(variable, values_of(name)[1]);
        }
    };
    let flags = |command: &mut Command| {
        for [name, ..] in &defaults {
            let (key, value) = (name.split_once('.').unwrap().1, values_of(name)[2]);
            command.arg(if value == "true" { format!("--{key}") } else { format!("--{key}={value}") });
        }
    };
    let mut failures = Failures::default();
    let mut compare = |shown: Vec<[String; 4]>, which: usize, from: &dyn Fn(&str, &str) -> String| {
        for [name, value, origin, variable] in shown {
            let is_secret = ["storage.database", "storage.read-replica"].contains(&name.as_str());
            let expected = if is_secret { "(secret)" } else { values_of(&name)[which] };
            let right = value == expected && origin == from(&name, &variable);
            failures.case(&name, if right { Ok(()) } else { Err(format!("{value} from {origin}")) });
        }
    };
    compare(folder.shown(|_| {}), 0, &|name, _| format!("tenantry.toml:{}", line_of(name)));
    compare(folder.shown(variables), 1, &|_, variable| variable.to_owned());
    compare(folder.shown(|c| (variables(c), flags(c)).0), 2, &|name, _| {
        format!("--{}", name.split_once('.').unwrap().1)
    });
    failures.done(3 * VALUES.len());
}

#[test]
fn a_file_that_is_wrong_is_refused_with_the_place() {
    let mut failures = Failures::default();
    for (text, parts) in [
        ("[network]\nlisten = \":0\"\n", &[][..]),
        ("[network]\nlisten = [\":0\", \":0\"]\ncors-origin = [\"https://a.example\"]\n", &[]),
        ("[network]\ntrusted-proxies = [\"10.0.0.0/8\", \"fd00::/8\"]\n", &[]),
        (
            "[network]\nlistne = \":0\"\n",
            &["tenantry.toml:2:1: there is no key listne in [network]: did you mean listen?"],
        ),
        ("[network]\nwrite_timeout = 3\n", &["tenantry.toml:2:1: ", "did you mean write-timeout?"]),
        ("[network]\ncolour = 3\n", &["tenantry.toml:2:1: ", "`tenantry config reference` lists them all"]),
        (
            "[netwrok]\nlisten = \":0\"\n",
            &["tenantry.toml:2:1: there is no section [netwrok]: did you mean [network]?"],
        ),
        ("[limits]\nlisten = \":0\"\n", &["listen belongs into the section [network], not into [limits]"]),
        ("listen = \":0\"\n", &["tenantry.toml:1:1: listen stands outside of a section"]),
        (
            "[network]\nwrite-timeout = 0\n",
            &["tenantry.toml:2:17: network.write-timeout = 0: 0 is not in 1..=3600"],
        ),
        ("[network]\nwrite-timeout = \"soon\"\n", &["tenantry.toml:2:17: network.write-timeout = soon: "]),
        (
            "[network]\nwrite-timeout = {a = 1}\n",
            &["network.write-timeout is neither a value nor a list of values"],
        ),
        ("[network]\nlisten = \"here\"\n", &["network.listen = here: must be HOST:PORT"]),
        ("[storage]\nnew = 1\n", &["storage.new = 1: must be true or false"]),
        ("[bills]\nearned-credit = \"mine\"\n", &["must be one of kept, passed_on"]),
        (
            "[storage]\ndatabase-file = \"nowhere\"\n",
            &["storage.database-file is of no use: ", "cannot read nowhere"],
        ),
        ("[network\n", &["tenantry.toml:1:"]),
        ("[network]\nlisten = \n", &["tenantry.toml:2:"]),
        // Everything at once.
        ("[network]\nlistne = 1\nwrite-timeout = 0\n", &["tenantry.toml:2:1: ", "tenantry.toml:3:17: "]),
    ] {
        let folder = Folder::new();
        folder.write("tenantry.toml", text);
        for args in [&["config", "check"][..], &["doctor"]] {
            let output = folder.command(args).output().unwrap();
            let said = said(&output);
            let good = match (parts, args) {
                ([], ["doctor"]) => !said.contains("tenantry.toml"),
                ([], _) => output.status.success(),
                _ => !output.status.success() && parts.iter().all(|part| said.contains(part)),
            };
            let good = good && !said.contains("panicked");
            failures.case(&format!("{text:?} {args:?}"), if good { Ok(()) } else { Err(said) });
        }
    }
    failures.done(38);
}

#[test]
fn a_named_file_must_be_there_and_help_does_not_need_it() {
    let folder = Folder::new();
    for named in [&["--config", "nowhere.toml"][..], &["--config=nowhere.toml"]] {
        let output = folder.command(&[&["config", "show"], named].concat()).output().unwrap();
        let said = said(&output);
        assert!(
            !output.status.success() && said.contains("cannot read the configuration file nowhere.toml"),
            "{said}"
        );
    }
    let path = folder.write("other.toml", "[limits]\nkey-rate = 7\n");
    folder.write("tenantry.toml", "[limits\n");
    let rate = |shown: Vec<[String; 4]>| {
        shown.into_iter().find(|[name, ..]| name == "limits.key-rate").unwrap()[1].clone()
    };
    assert_eq!(rate(folder.shown(|command| _ = command.arg("--config").arg(&path))), "7");
    assert_eq!(rate(folder.shown(|command| _ = command.env("TENANTRY_CONFIG", &path))), "7");
    assert_eq!(rate(folder.shown(|command| _ = command.env("TENANTRY_CONFIG", "none"))), "50000");
    assert!(folder.command(&["serve", "--help"]).output().unwrap().status.success());
}

/// A database whose URL, and an admin whose key, stand in files only.
fn secrets_come_from_files(engine: Engine) {
    const KEY: &str = "a-key-that-an-operator-has-chosen-1234";
    let folder = Folder::new();
    let mut failures = Failures::default();
    for way in ["variable", "credential", "file"] {
        let database = Database::new(engine);
        let url = folder.write("TENANTRY_DATABASE", &format!("{}\n", database.url));
        folder.write("TENANTRY_BOOTSTRAP_KEY", KEY);
        let config = folder.write("secret.toml", &format!("[storage]\ndatabase-file = {url:?}\n"));
        let configure = |command: &mut Command| {
            match way {
                "variable" => command.env("TENANTRY_DATABASE_FILE", &url),
                "credential" => command.env("CREDENTIALS_DIRECTORY", folder.0.path()),
                _ => command.env("TENANTRY_CONFIG", &config),
            };
        };
        let mut server = Server::start_without_database(&database, |command| {
            configure(command);
            match way {
                "credential" => command,
                _ => {
                    command.env("TENANTRY_BOOTSTRAP_KEY_FILE", folder.0.path().join("TENANTRY_BOOTSTRAP_KEY"))
                }
            };
        });
        let status = Api::new(server.address, KEY).get("/v2/customers").status;
        server.signal("TERM");
        let printed = server.wait().1 + &server.log();
        let url_is_quiet = engine == Engine::Sqlite || !printed.contains(&database.url);
        let quiet = url_is_quiet && !printed.contains(KEY);
        let shown = folder.shown(configure);
        let [_, value, from, _] = shown.into_iter().find(|[name, ..]| name == "storage.database").unwrap();
        let good =
            status == 200 && quiet && value == "(secret)" && from == format!("the file {}", url.display());
        failures.case(way, if good { Ok(()) } else { Err(format!("{status} {quiet} {value} {from}")) });
    }
    failures.done(3);
    let both = folder
        .command(&["doctor"])
        .env("TENANTRY_DATABASE", "sqlite:a")
        .env("TENANTRY_DATABASE_FILE", "b")
        .output();
    let said = said(&both.unwrap());
    assert!(said.contains("give TENANTRY_DATABASE or TENANTRY_DATABASE_FILE, not both"), "{said}");
    // What is not a file's name is not shown, for it may be the secret.
    for (named, is_shown) in [
        ("postgres://tenantry:planted@db1/tenantry", false),
        ("tnt_planted", false),
        ("/etc/planted/database", true),
        ("planted", true),
        ("the-key-that-an-operator-has-planted", false),
        ("planted/with/a/slash+as+base64+has+it/0123456789", false),
        ("/etc/no-folder-of-this-name/planted/database", true),
    ] {
        let output = folder.command(&["doctor"]).env("TENANTRY_DATABASE_FILE", named).output().unwrap();
        let said = self::said(&output);
        assert!(!output.status.success() && said.contains("TENANTRY_DATABASE: cannot read "), "{said}");
        assert_eq!(said.contains("planted"), is_shown, "{named}: {said}");
    }
}

#[test]
fn a_file_with_a_secret_that_others_may_read_is_a_problem() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.write("tenantry.toml", "[storage]\ndatabase = \"postgres://t:planted@db/t\"\n");
    for (mode, fine) in [(0o644, false), (0o640, true), (0o600, true)] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let output = folder.command(&["config", "check"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output);
        assert_eq!(output.status.success(), fine, "{mode:o}: {told}");
        assert!(!told.contains("planted") && (fine || told.contains("chmod 640")), "{told}");
    }
    for command in [&["config", "show"][..], &["serve", "--help"]] {
        let output = folder.command(command).output().unwrap();
        assert!(!String::from_utf8_lossy(&output.stdout).contains("planted"), "{command:?}");
    }
}

/// What an operator gets wrong is said without the words of a defect: what, where, and what would be right.
#[test]
fn mistakes_are_told_in_the_operators_words() {
    let folder = Folder::new();
    folder.write("notes.txt", &"no database ".repeat(100));
    let mut failures = Failures::default();
    for (variable, args, expected) in [
        (
            None,
            &["serve", "--database", "sqlite:notes.txt"][..],
            "notes.txt is not an SQLite database: name another file with --database",
        ),
        (None, &["admin", "bill", "move-store", "--bills", "file:typo"], "there are no bills in file:typo"),
        (None, &["admin", "rollback"], "no upgrade has made a backup in "),
        (
            Some(("TENANTRY_KEY_RATE", "abc")),
            &["config", "check"],
            "TENANTRY_KEY_RATE: the value \"abc\" of the environment is not one for --key-rate: must be a whole number",
        ),
        (
            Some(("TENANTRY_KEY_RATE", "abc")),
            &["config", "check", "--key-rate", "x"],
            "invalid value 'x' for '--key-rate",
        ),
        (
            Some(("TENANTRY_KEY_RATE", "99999999999999999999999")),
            &["config", "check"],
            "is not one for --key-rate: is too large",
        ),
        (Some(("TENANTRY_KEY_RATE", "")), &["config", "check"], "TENANTRY_KEY_RATE is empty: leave it out"),
        (Some(("TENANTRY_KEY_RATE", "")), &["config", "check", "--key-rate", "x"], "invalid value 'x'"),
        (
            Some(("TENANTRY_CONFIG", "")),
            &["config", "check", "--config", "none"],
            "TENANTRY_CONFIG is empty: leave it out",
        ),
    ] {
        let output = folder.command(args).envs(variable).output().unwrap();
        let text = said(&output);
        let is_plain = text.contains(expected) && !text.contains("internal") && !text.contains("defect");
        failures.case(expected, if is_plain && !output.status.success() { Ok(()) } else { Err(text) });
    }
    // The page that lists all keys is read where one is mistyped.
    folder.write("tenantry.toml", "[network]\nlisten_ = \"x\"\n");
    let reference = folder.command(&["config", "reference"]).output().unwrap();
    assert!(reference.status.success(), "{}", said(&reference));
    assert!(!folder.command(&["config", "check"]).output().unwrap().status.success(), "the control");
    failures.done(5);
}

#[test]
fn folders_that_cannot_be_used_are_problems() {
    let folder = Folder::new();
    folder.write("file", "");
    for (toml, said_of) in [
        ("[backups]\nbackup-to = \"file/backups\"\n", "cannot make the folder file/backups"),
        ("[backups]\nbackup-to = \"file\"\n", "cannot write into the folder file"),
        ("[backups]\nupgrade-backup-to = \"file/before\"\n", "cannot make the folder file/before"),
        ("[backups]\nbackup-to = \"new/backups\"\nupgrade-backup-to = \"none\"\n", ""),
    ] {
        folder.write("tenantry.toml", toml);
        let output = folder.command(&["config", "check"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output);
        assert_eq!(output.status.success(), said_of.is_empty(), "{toml}: {told}");
        assert!(told.contains(said_of), "{toml}: {told}");
    }
    assert!(!folder.0.path().join("new").exists(), "a check makes nothing");
}

#[test]
fn what_a_start_would_stumble_over_is_a_problem() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.write("open.key", &"0".repeat(64));
    let path = folder.0.path().join("open.key");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    for (toml, said_of) in [
        ("[bills]\nbills = \"ftp://x\"\n", "cannot be a root for bills"),
        ("[bills]\nbills = \"data/bills\"\n", "cannot be a root for bills"),
        ("[bills]\nbill-fetch-to = \"http://x\"\n", "it must be file:PATH"),
        ("[storage]\ndatabase = \"postgre:u\"\n", "must start with sqlite: or postgres://"),
        ("[storage]\ndatabase = \"postgres://u:planted@h:99999/x\"\n", "the database URL cannot be read"),
        ("[storage]\nread-replica = \"postgres://h/x\"\n", "a read replica is a standby"),
        ("[storage]\naudit-anchor = [\"none\", \"elsewhere\"]\n", "either none or places"),
        ("[storage]\nsecret-key-file = \"open.key\"\n", "open.key has mode 0644"),
        ("[sandbox]\nsandbox = true\nat = \"2026-13-01\"\n", "--at must be an ISO 8601"),
        ("[storage]\ndatabase = \"sqlite:new/tenantry.db\"\n", ""),
    ] {
        folder.write("tenantry.toml", toml);
        // Others may read it: the path of a database of SQLite is no secret.
        let file = folder.0.path().join("tenantry.toml");
        let mode = if toml.contains("planted") { 0o640 } else { 0o644 };
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = folder.command(&["config", "check"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output);
        assert_eq!(output.status.success(), said_of.is_empty(), "{toml}: {told}");
        assert!(told.contains(said_of) && !told.contains("planted"), "{toml}: {told}");
        if !said_of.is_empty() {
            let serve = folder.command(&["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
            assert!(!serve.status.success(), "the control, {toml}: {}", said(&serve));
        }
    }
    assert!(!folder.0.path().join("new").exists(), "a check makes nothing");
}

/// Those of commands that no configuration file has, too.
#[test]
fn secrets_of_other_commands_may_be_in_files() {
    let folder = Folder::new();
    folder.write("to", "postgres://t:planted@127.0.0.1:1/t\n");
    folder.write("from", "sqlite:none.db\n");
    for (args, variables) in [
        (&["copy"][..], &[("TENANTRY_COPY_FROM_FILE", "from"), ("TENANTRY_COPY_TO_FILE", "to")][..]),
        (&["copy", "--from", "sqlite:none.db"], &[("TENANTRY_COPY_TO_FILE", "to")]),
    ] {
        let output = folder.command(args).envs(variables.iter().copied()).output().unwrap();
        let told = said(&output);
        assert!(told.contains("cannot open the database") && !told.contains("planted"), "{args:?}: {told}");
    }
    let both = folder
        .command(&["copy"])
        .env("TENANTRY_COPY_TO", "sqlite:a")
        .env("TENANTRY_COPY_TO_FILE", "to")
        .output()
        .unwrap();
    assert!(
        said(&both).contains("give TENANTRY_COPY_TO or TENANTRY_COPY_TO_FILE, not both"),
        "{}",
        said(&both)
    );
}

/// Wait until the log says this, after what it said before.
fn until_logged(database: &Database, parts: &[&str]) {
    wait_for(Duration::from_secs(30), || {
        let log = std::fs::read_to_string(database.folder().join("server.log")).unwrap();
        let is_there = log.lines().any(|line| parts.iter().all(|part| line.contains(part)));
        is_there.then_some(()).ok_or_else(|| format!("{parts:?} is not logged: {log}"))
    });
}

#[test]
fn a_hangup_reloads_what_can_be_and_says_what_cannot() {
    let database = Database::new(Engine::Sqlite);
    let path = database.folder().join("tenantry.toml");
    let write = |level: &str, rate: u32, timeout: u32| {
        let text = format!(
            "[log]\nlog-level = \"{level}\"\n[limits]\nkey-rate = {rate}\n[network]\nwrite-timeout = {timeout}\n"
        );
        std::fs::write(&path, text).unwrap();
    };
    write("info", 50_000, 30);
    let server = Server::start_as(&database, &[], |command| {
        command.env("TENANTRY_CONFIG", &path);
        command.env("TENANTRY_BOOTSTRAP_KEY", "the-key-that-the-tests-have-chosen-0123456789");
    });
    let api = server.admin();
    let refused = |times: usize| (0..times).filter(|_| api.get("/v2/me").status == 429).count();
    assert_eq!(refused(30), 0);
    write("debug", 1, 30);
    server.signal("HUP");
    until_logged(&database, &["configuration reloaded", "log.log-level", "limits.key-rate"]);
    // Ten may come at once, and one each second.
    assert!(refused(30) > 10);
    write("info", 50_000, 31);
    server.signal("HUP");
    until_logged(&database, &["needs a restart", "unchanged=\"network.write-timeout\""]);
    assert_eq!(refused(30), 0);
    std::fs::write(&path, "[network]\nlistne = 1\n").unwrap();
    server.signal("HUP");
    until_logged(&database, &["configuration not reloaded", "did you mean listen?"]);
    assert_eq!(refused(30), 0);
}

#[test]
fn the_reference_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let folder = Folder::new();
    let output = folder.command(&["config", "reference"]).output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == page,
        "docs/configuration.md is not what `tenantry config reference` prints: CONTRIBUTING.md says how to make it"
    );
}
