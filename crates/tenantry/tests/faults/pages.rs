//! Pages of the console while the database is away or its disk is full: they say what is wrong, and nothing that was typed is lost.

use crate::full::with_small_disk;
use crate::support::browser::{Browser, TOKEN};
use crate::support::cluster::Cluster;
use crate::support::disk::Disk;
use crate::support::{Answer, Api, Database, Engine, Server};
use crate::wait_until;
use std::io::Write;
use std::path::PathBuf;

const NEW: &str = "/console/customers/new";
const SETTINGS: &str = "/console/settings/branding";
const LOGO: &str = "/console/settings/branding/logo";

#[test]
fn a_form_is_kept_while_sqlites_file_is_away() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &[]);
    let file = PathBuf::from(database.url.strip_prefix("sqlite:").unwrap());
    let aside = file.with_extension("aside");
    let away = || std::fs::rename(&file, &aside).unwrap();
    kept(&server.admin(), away, || std::fs::rename(&aside, &file).unwrap());
}

#[test]
fn a_form_is_kept_while_postgres_is_away() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let database = Database::at(&cluster.url());
    let server = Server::start(&database, &[]);
    kept(&server.admin(), || cluster.signal("STOP"), || cluster.signal("CONT"));
}

/// The fields that the error's page keeps.
fn fields(page: &str) -> Vec<(String, String)> {
    let form =
        page.split("<form method=\"post\" action=\"/console/customers/new\">").nth(1).unwrap_or_default();
    let plain = |text: &str| {
        text.replace("&#34;", "\"").replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&")
    };
    let fields = form.split("<input type=\"hidden\" name=\"").skip(1);
    let field = |text: &str| {
        let (name, rest) = text.split_once("\" value=\"").unwrap();
        (name.to_owned(), plain(rest.split('"').next().unwrap()))
    };
    // The language's form at the page's foot has fields too.
    fields.take_while(|text| !text.starts_with("next\"")).map(field).collect()
}

fn kept(api: &Api, away: impl FnOnce(), back: impl FnOnce()) {
    let browser = Browser::signed_in(api);
    let token = browser.token(NEW);
    let typed = [
        ("name", "Typed \"before\" <it> went"),
        ("variant", "address"),
        ("street1", "1 Main St"),
        ("city", "Springfield"),
        ("state", "MA"),
        ("zipcode", "01101"),
        ("country", "US"),
        ("classification", "managed_without_access"),
        ("tags", "a=1\r\nb=2"),
        (TOKEN, token.as_str()),
    ];
    away();
    // SQLite's files are looked at with each change, and otherwise once in a while.
    let mut answer = browser.post(NEW, &typed);
    wait_until("an error", || {
        let is_away = answer.status == 503 && answer.text().contains("Try again");
        if !is_away {
            assert_eq!(answer.status, 503, "{}", answer.text());
            answer = browser.post(NEW, &typed);
        }
        is_away
    });
    let page = answer.text();
    assert!(page.contains("what you typed is kept on this page"), "{page}");
    let found = fields(&page);
    let expected: Vec<(String, String)> =
        typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(found[..expected.len()], expected[..], "{page}");
    let read = browser.get("/console/customers");
    assert!(read.status == 503 && read.text().contains("href=\"/console/sign-in\""), "{}", read.text());
    back();
    // Sent again from there it is done, once.
    let again: Vec<(&str, &str)> =
        expected.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let send = || -> Answer { browser.post(NEW, &again) };
    wait_until("the customer", || send().status == 303);
    assert_eq!(send().status, 303);
    let customers = api.get("/v2/customers");
    assert_eq!(customers.header("x-total"), "1");
    let made = &customers.json()["customers"][0];
    assert_eq!(made["name"], typed[0].1);
    assert_eq!(made["tags"][1]["key"], "b", "{made}");
}

#[test]
fn a_full_disk_refuses_a_logo_on_sqlite() {
    with_small_disk(Engine::Sqlite, full);
}

#[test]
fn a_full_disk_refuses_a_logo_on_postgres() {
    with_small_disk(Engine::Postgres, full);
}

/// A picture of 240 × 96 pixels without order, which nothing makes smaller: PNG (ISO 15948), 8 bits of red, green and blue.
fn noise(seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut rows = Vec::new();
    for _ in 0..96 {
        rows.push(0);
        rows.extend((0..720).map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_be_bytes()[0]
        }));
    }
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    deflated.write_all(&rows).unwrap();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [0, 0, 0, 240, 0, 0, 0, 96, 8, 2, 0, 0, 0];
    for (kind, content) in
        [(b"IHDR", header.to_vec()), (b"IDAT", deflated.finish().unwrap()), (b"IEND", Vec::new())]
    {
        png.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        let chunk = [&kind[..], &content].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&chunk);
        png.extend(chunk);
        png.extend(crc.sum().to_be_bytes());
    }
    png
}

/// The path of the logo on the page.
fn logo(browser: &Browser) -> String {
    let page = browser.get(SETTINGS);
    assert_eq!(page.status, 200, "{}", page.text());
    page.text().split("src=\"/console/logos/").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

fn full(database: &Database, disk: &Disk) {
    let server = Server::start(database, &[]);
    let browser = Browser::signed_in(&server.admin());
    let mut seed = 1;
    let mut upload = || {
        seed += 2;
        browser.upload(SETTINGS, LOGO, "logo", &noise(seed))
    };
    assert_eq!(upload().status, 303, "the control: there is space");
    disk.fill();
    // What is left of the last pages takes some.
    let mut refused = upload();
    wait_until("a refusal", || {
        if refused.status == 303 {
            refused = upload();
        }
        refused.status != 303
    });
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().contains("Nothing was changed"), "{}", refused.text());
    let before = logo(&browser);
    let shown = browser.get(&format!("/console/logos/{before}"));
    assert!(shown.status == 200 && shown.body.starts_with(b"\x89PNG"), "the logo from before is whole");
    disk.free();
    wait_until("an upload", || upload().status == 303);
    assert_ne!(logo(&browser), before);
}
