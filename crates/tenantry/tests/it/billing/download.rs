//! A statement by its id, downloads in parts and on condition, and the index in the customers' folders.

use super::{Scene, Usage, line};
use crate::support::{Api, Engine, on_both_engines, wait_for};
use serde_json::{Value, json};

on_both_engines!(
    a_statement_is_read_by_its_id,
    downloads_in_parts_and_on_condition,
    an_index_names_the_current_versions,
    runs_of_two_months_leave_one_whole_index,
);

fn a_statement_is_read_by_its_id(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0));
    let source = scene.invoice("october.csv", &[line("acme", "a", "1.5"), line("beta", "b", "2")]);
    scene.run("2026-10", &[&source], &json!({"finalize": true}));
    let late = scene
        .invoice("late.csv", &[line("acme", "a", "1.5"), line("acme", "late", "4"), line("beta", "b", "2")]);
    scene.run("2026-10", &[&late], &json!({}));
    let november = Usage { day: "2026-11-01", ..line("acme", "a", "3") };
    scene.run("2026-11", &[&scene.invoice("november.csv", &[november])], &json!({}));
    let listed = scene.statements("");
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().any(|statement| statement["corrections"].is_array()), "{listed:?}");
    let (_, own) = scene.api.user_of(acme);
    let (_, stranger) = scene.server.named_partner();
    for statement in &listed {
        let path = format!("/v1/customer_statements/{}", statement["id"]);
        assert_eq!((scene.api.get(&path).status, &scene.api.get(&path).json()), (200, statement));
        let is_own = statement["customer_id"] == acme;
        assert_eq!(own.get(&path).status, if is_own { 200 } else { 404 }, "{beta}: {statement}");
        assert_eq!(stranger.get(&path).status, 404);
    }
    for id in ["999", "0", "x"] {
        assert_eq!(scene.api.get(&format!("/v1/customer_statements/{id}")).status, 404, "{id}");
    }
}

fn downloads_in_parts_and_on_condition(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Müller & Sons", "acme", 0.0);
    let lines: Vec<_> = (0..3_000).map(|_| line("acme", "a", "1.005")).collect();
    scene.run("2026-10", &[&scene.invoice("october.csv", &lines)], &json!({}));
    let id = scene.statements("")[0]["id"].clone();
    for (name, download) in [
        ("bill.csv", "muller-sons-2026-10.csv"),
        ("bill.focus.csv", "muller-sons-2026-10.focus.csv"),
        ("statement.html", "muller-sons-2026-10-statement.html"),
        ("manifest.json", "muller-sons-2026-10-manifest.json"),
    ] {
        let path = format!("/v1/customer_statements/{id}/files/{name}");
        let get = |headers: &[(&str, &str)]| {
            headers
                .iter()
                .fold(scene.api.call("GET", &path), |call, (name, value)| call.header(name, value))
                .send()
        };
        let whole = get(&[]);
        let (size, tag) = (whole.body.len(), whole.header("etag").to_owned());
        assert_eq!(whole.header("content-disposition"), format!("attachment; filename=\"{download}\""));
        assert_eq!((whole.status, whole.header("accept-ranges"), tag.len()), (200, "bytes", 66));

        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let unchanged = get(&[("If-None-Match", &known)]);
            assert_eq!(
                (unchanged.status, unchanged.body.len(), unchanged.header("etag")),
                (304, 0, &*tag),
                "{known}"
            );
        }
        assert_eq!(get(&[("If-None-Match", "\"x\"")]).status, 200);

        let last = size - 1;
        for (range, from, to) in [
            ("bytes=0-9".to_owned(), 0, 9),
            (format!("bytes={last}-"), last, last),
            ("bytes=-5".to_owned(), size - 5, last),
            (format!("bytes=7-{}", size + 99), 7, last),
        ] {
            for condition in [None, Some(("If-Range", &*tag))] {
                let headers: Vec<_> = [("Range", &*range)].into_iter().chain(condition).collect();
                let part = get(&headers);
                let content_range = format!("bytes {from}-{to}/{size}");
                assert_eq!(
                    (part.status, part.header("content-range")),
                    (206, &*content_range),
                    "{name} {range}"
                );
                assert_eq!(
                    (&*part.body, part.header("etag")),
                    (&whole.body[from..=to], &*tag),
                    "{name} {range}"
                );
            }
        }
        let head = scene.api.call("HEAD", &path).header("Range", "bytes=0-9").send();
        assert_eq!((head.status, head.header("content-range")), (200, ""), "{name}");
        let beyond = get(&[("Range", &format!("bytes={size}-"))]);
        assert_eq!((beyond.status, beyond.header("content-range")), (416, &*format!("bytes */{size}")));
        for headers in [
            vec![("Range", "bytes=0-1,3-4")],
            vec![("Range", "lines=0-1")],
            vec![("Range", "bytes=0-9"), ("If-Range", "\"x\"")],
        ] {
            assert_eq!((get(&headers).status, get(&headers).body.len()), (200, size), "{headers:?}");
        }
    }
}

/// The index of a folder, once it is what it should be: it is put behind the end of a run.
fn index(scene: &Scene, folder: &str, expected: &Value) {
    let path = scene.bills().join("p1").join(folder).join("index.json");
    wait_for(std::time::Duration::from_secs(30), || {
        let read = std::fs::read(&path).ok();
        let bills = |bytes: Vec<u8>| -> Value {
            let index: Value = serde_json::from_slice(&bytes).expect("whole at every moment");
            json!({"bills": index["bills"]})
        };
        let found: Option<Value> = read.map(bills);
        if found.as_ref() == Some(expected) {
            Ok(())
        } else {
            Err(format!("{folder}: {found:?}, not {expected}"))
        }
    });
}

fn move_to(api: &Api, customer: i64, folder: &str) {
    let billing = json!({"enabled": true, "folder": folder});
    let billing = json!({"partner_billing_configuration": billing, "effective_from": "2026-10-01"});
    assert_eq!(api.put(&format!("/v2/customers/{customer}"), &billing).status, 200);
}

fn an_index_names_the_current_versions(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0));
    move_to(&scene.api, beta, "bills/acme/");
    let run = |total: &str, request: Value| {
        let lines = [line("acme", "a", total), line("beta", "b", "2")];
        scene.run("2026-10", &[&scene.invoice("october.csv", &lines)], &request)
    };
    let version = |month: &str, customer: i64, version: u32| json!({"version": version, "path": format!("{month}/{customer}/v{version}/")});
    let bill = |customer: i64, status: &str, number: u32| {
        let mut bill = json!({"billing_period": "2026-10", "customer_id": customer, "status": status,
                              "current": version("2026-10", customer, number)});
        if status == "Final" {
            let number = if customer == acme { "2026-0001" } else { "2026-0002" };
            bill["statement_numbers"] = json!([number]);
        }
        bill
    };
    run("1", json!({}));
    index(&scene, "bills/acme", &json!({"bills": [bill(acme, "Estimated", 1), bill(beta, "Estimated", 1)]}));
    run("3", json!({}));
    index(&scene, "bills/acme", &json!({"bills": [bill(acme, "Estimated", 2), bill(beta, "Estimated", 1)]}));
    // Another folder, and back: what has gone is not in the index any more.
    move_to(&scene.api, beta, "moved");
    run("3", json!({}));
    index(&scene, "moved", &json!({"bills": [bill(beta, "Estimated", 1)]}));
    index(&scene, "bills/acme", &json!({"bills": [bill(acme, "Estimated", 2)]}));
    move_to(&scene.api, beta, "bills/acme");
    let last = run("3", json!({}));
    index(&scene, "moved", &json!({"bills": []}));
    assert_eq!(scene.finalize(&last)["state"], "succeeded");
    index(&scene, "bills/acme", &json!({"bills": [bill(acme, "Final", 3), bill(beta, "Final", 2)]}));
    let lines = [line("acme", "a", "3"), line("acme", "late", "5"), line("beta", "b", "2")];
    scene.run("2026-10", &[&scene.invoice("late.csv", &lines)], &json!({}));
    // A correction is seen with the statement that has it.
    let finals = json!({"bills": [bill(acme, "Final", 3), bill(beta, "Final", 2)]});
    index(&scene, "bills/acme", &finals);
    let mut corrected = bill(acme, "Final", 3);
    corrected["corrections"] = json!([version("2026-10", acme, 4)]);
    // A month that is withdrawn leaves it.
    let november = Usage { day: "2026-11-01", ..line("acme", "a", "3") };
    let mistaken = scene.run("2026-11", &[&scene.invoice("november.csv", &[november])], &json!({}));
    let of_november = json!({"billing_period": "2026-11", "customer_id": acme, "status": "Estimated",
                             "current": version("2026-11", acme, 1)});
    index(&scene, "bills/acme", &json!({"bills": [corrected, bill(beta, "Final", 2), of_november]}));
    let path = format!("/v1/bill_runs/{}/statements", mistaken["id"]);
    assert_eq!(scene.api.delete(&path).status, 204);
    index(&scene, "bills/acme", &finals);
    // One that was lost, or is an older state's, is put back by the next server that starts.
    for damage in [None, Some("{\"bills\": []}")] {
        let path = scene.bills().join("p1/bills/acme/index.json");
        match damage {
            None => std::fs::remove_file(&path).unwrap(),
            Some(text) => std::fs::write(&path, text).unwrap(),
        }
        let server = crate::support::Server::start(&scene.database, &["--sandbox", "--at", super::NOW]);
        index(&scene, "bills/acme", &finals);
        drop(server);
    }
}

/// Commands work on both months at once, in the same folder.
fn runs_of_two_months_leave_one_whole_index(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let months = ["2026-09", "2026-10", "2026-11"];
    let days = months.map(|month| format!("{month}-02"));
    let files = [0, 1, 2].map(|i| {
        scene.invoice(&format!("{i}.csv"), &[Usage { day: &days[i], ..line("acme", "a", "1") }]);
        format!("data/invoices/{i}.csv")
    });
    for _ in 0..3 {
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..3)
                .map(|i| {
                    let (month, file, server) = (months[i], &files[i], &scene.server);
                    scope.spawn(move || server.run(&["bill", "run", "--publish", "--period", month, file]))
                })
                .collect();
            runs.into_iter().for_each(|run| assert!(run.join().unwrap().status.success()));
        });
    }
    let bill = |month: &str| {
        json!({"billing_period": month, "customer_id": acme, "status": "Estimated",
               "current": {"version": 1, "path": format!("{month}/{acme}/v1/")}})
    };
    index(&scene, "bills/acme", &json!({"bills": months.map(bill)}));
}
