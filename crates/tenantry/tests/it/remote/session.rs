//! `tenantry login`, `logout` and `whoami`.

use super::Desk;
use crate::support::{Engine, Server};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_profile_is_written_used_and_removed() {
    let server = Server::shared(Engine::Sqlite);
    let (partner, api) = server.named_partner();
    let (_, viewer) = api.colleague("viewer");
    let desk = Desk::new();
    let url = format!("http://{}", api.address);
    desk.run(&["whoami"]).fails(4, "not signed in to a server: sign in with `tenantry login URL`");

    let said = desk.run_with(&["login", &url], format!("{}\n", api.key)).ok();
    assert_eq!(said, format!("Signed in to {url} as a@example.com (admin) of the partner {partner}.\n"));
    let profile = desk.folder().join("config/tenantry/default.json");
    assert_eq!(profile.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(profile.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let me = desk.json(&["whoami"]);
    assert_eq!((&me["email"], &me["server"]), (&json!("a@example.com"), &json!(url)));

    // A second profile, whose key comes from the environment.
    let mut login = desk.command(&["login", &format!("{url}/"), "--profile", "reader"]);
    assert!(login.env("TENANTRY_API_KEY", &viewer.key).output().unwrap().status.success());
    assert_eq!(desk.ok(&["whoami", "--profile", "reader", "--format", "{roles}"]), "viewer\n");
    assert_eq!(desk.ok(&["whoami", "--format", "{role} {partner.name}"]), format!("admin {partner}\n"));

    // A key goes to the server that it was given for, and to no other.
    desk.run(&["whoami", "--url", "http://127.0.0.1:1"])
        .fails(4, &format!("the profile \"default\" is for {url}"));
    // Not from a file that others can read.
    std::fs::set_permissions(&profile, PermissionsExt::from_mode(0o644)).unwrap();
    desk.run(&["whoami"]).fails(1, "has mode 0644, so others on this machine may read or change it");
    std::fs::set_permissions(&profile, PermissionsExt::from_mode(0o600)).unwrap();
    // What is broken is said without the key in it.
    std::fs::write(&profile, format!("{{\"api_key\": \"{}\"", api.key)).unwrap();
    let broken = desk.run(&["whoami"]);
    broken.fails(1, "is not whole: sign in again");
    assert!(!broken.stderr.contains(&api.key));

    assert!(desk.ok(&["logout"]).starts_with("Signed out."));
    assert!(!profile.exists());
    desk.run(&["logout"]).fails(5, "there is no profile \"default\"");
    desk.run(&["whoami", "--profile", "other"]).fails(4, "there is no profile \"other\"");
    assert_eq!(api.get("/v2/me").status, 200, "the key itself stays");
}

#[test]
fn a_login_that_cannot_work_leaves_no_profile() {
    let server = Server::shared(Engine::Sqlite);
    let desk = Desk::new();
    let url = format!("http://{}", server.address);
    for (args, input, code, why) in [
        (&["login", &url][..], "", 3, "there is no API key"),
        (&["login", &url], "tnt_wrong", 4, "the server does not know this key"),
        (&["login", &url], "ein Schlüssel", 3, "the API key has characters that no key has"),
        (&["login", &url, "--profile", "../x"], "a", 1, "a profile's name is made of letters"),
        (&["login", &url, "--ca-file", "none.pem"], "a", 3, "the certificate authorities in"),
        (&["login", "tenantry.example.com"], "a", 3, "must start with https:// or http://"),
        (&["login", "https://jane:secret@example.com"], "a", 3, "must have no user or password in it"),
        (&["login", "http://127.0.0.1:1"], "a", 7, "cannot reach http://127.0.0.1:1"),
        (&["login"], "a", 2, "<URL>"),
    ] {
        let ran = desk.run_with(args, input);
        ran.fails(code, why);
        assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    }
    assert!(!desk.folder().join("config").exists());
    let warned = desk.run_with(&["login", "http://10.255.255.1.invalid"], "a");
    warned.fails(7, "warning: http://10.255.255.1.invalid is not encrypted");
}
