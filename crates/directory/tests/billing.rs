//! The client of billing data against the sandbox, on a clock that stands still until everybody waits.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

use common::{client, connected, settings};
use std::time::Duration;
use tenantry_directory::partner_center::billing::{Export, Manifest, Operation, PART_BYTES, Part, Unbilled};
use tenantry_directory::partner_center::sandbox::{
    self, Behaviour, BillingFaults, Fault, ManifestPlace, Sandbox,
};
use tenantry_directory::partner_center::{Credentials, Settings};
use tenantry_directory::{Error, Outcome, PartnerCenter};

const INVOICE: &str = "G000202610";

fn with(billing: BillingFaults) -> Behaviour {
    Behaviour { billing, ..Behaviour::default() }
}

fn billed(usage: bool) -> Export {
    let invoice_id = INVOICE.to_owned();
    if usage { Export::BilledUsage { invoice_id } } else { Export::BilledReconciliation { invoice_id } }
}

async fn ended(client: &PartnerCenter, export: &Export) -> Result<Operation, Error> {
    let url = client.start_export(export).await?;
    for _ in 0..20 {
        match client.operation(&url).await? {
            Operation::Running(wait) => tokio::time::sleep(wait).await,
            other => return Ok(other),
        }
    }
    Ok(Operation::Running(Duration::ZERO))
}

async fn manifest(client: &PartnerCenter, export: &Export) -> Manifest {
    match ended(client, export).await.unwrap() {
        Operation::Succeeded(manifest) => manifest,
        other => panic!("{other:?}"),
    }
}

async fn whole(client: &PartnerCenter, manifest: &Manifest, name: &str) -> Vec<u8> {
    let (mut file, mut version) = (Vec::new(), String::new());
    loop {
        match client.read_blob(manifest, name, file.len() as u64, PART_BYTES, &version).await.unwrap() {
            Part::Bytes { bytes, total, etag } => {
                file.extend_from_slice(&bytes);
                version = etag;
                if file.len() as u64 == total {
                    return file;
                }
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

fn lines(file: &[u8]) -> usize {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut text).unwrap();
    text.lines().count()
}

#[tokio::test(start_paused = true)]
async fn invoices_come_with_the_clock() {
    let (sandbox, client) = connected(5, Behaviour::default());
    for (now, expected) in [
        ("2026-11-12T06:00:00Z", "G000202610 G000202609 G000202608"),
        ("2026-12-07T23:59:59Z", "G000202610 G000202609 G000202608"),
        ("2026-12-08T00:00:00Z", "G000202611 G000202610 G000202609 G000202608"),
    ] {
        sandbox.set_now(now.parse().unwrap());
        let invoices = client.invoices().await.unwrap();
        let ids: Vec<&str> = invoices.iter().map(|invoice| invoice.id.as_str()).collect();
        assert_eq!(ids.join(" "), expected, "{now}");
    }
    let october = client.invoices().await.unwrap().remove(1);
    assert_eq!((october.date.as_str(), october.period_start.as_str()), ("2026-11-08", "2026-10-01"));
    assert_eq!(Some(october.total_charges), sandbox.total_charges(INVOICE));
}

#[tokio::test(start_paused = true)]
async fn manifests_are_found_wherever_they_are() {
    for manifest_place in [ManifestPlace::Inline, ManifestPlace::Location, ManifestPlace::Link] {
        for retry_after in [None, Some("2.128".to_owned()), Some("7".to_owned())] {
            let faults = BillingFaults {
                manifest: manifest_place,
                running_polls: 3,
                retry_after,
                lines_per_blob: 100,
                ..BillingFaults::default()
            };
            let (_, client) = connected(5, with(faults));
            for usage in [true, false] {
                let manifest = manifest(&client, &billed(usage)).await;
                assert_eq!(manifest.blob_count, Some(manifest.blobs.len() as u64));
                let mut all = 0;
                for blob in &manifest.blobs {
                    all += lines(&whole(&client, &manifest, blob).await);
                }
                assert!(all > 5 && !format!("{manifest:?} {}", manifest.json).contains("SAS"), "{all}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn how_exports_end() {
    let faults = BillingFaults::default;
    for (faults, expected) in [
        (faults(), "Succeeded"),
        (BillingFaults { no_data: true, ..faults() }, "NoData"),
        (BillingFaults { failed: Some("2000".into()), ..faults() }, "Failed(\"The export failed"),
        (BillingFaults { never_ends: true, ..faults() }, "Running"),
    ] {
        let (_, client) = connected(2, with(faults));
        let operation = ended(&client, &billed(true)).await.unwrap();
        assert!(format!("{operation:?}").starts_with(expected), "{operation:?}");
    }
    let (_, client) = connected(2, Behaviour::default());
    let unknown = Export::BilledUsage { invoice_id: "G9".into() };
    assert!(matches!(ended(&client, &unknown).await, Err(Error::Invalid(_))));
}

#[tokio::test(start_paused = true)]
async fn the_open_month_grows() {
    let (sandbox, client) = connected(2, Behaviour::default());
    let export = |period| Export::UnbilledUsage { currency: "USD".into(), period };
    for (now, period, days) in [
        ("2026-12-01T06:00:00Z", Unbilled::Current, None),
        ("2026-12-01T06:00:00Z", Unbilled::Last, Some(30)),
        ("2026-12-03T06:00:00Z", Unbilled::Current, Some(2)),
        ("2026-12-08T06:00:00Z", Unbilled::Last, None),
    ] {
        sandbox.set_now(now.parse().unwrap());
        let found = match ended(&client, &export(period)).await.unwrap() {
            Operation::Succeeded(manifest) => {
                Some(lines(&whole(&client, &manifest, &manifest.blobs[0]).await))
            }
            Operation::NoData => None,
            other => panic!("{other:?}"),
        };
        // Customer 0 has one subscription, customer 1 two; each has three meters.
        assert_eq!(found, days.map(|days| days * 9), "{now} {period:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn missing_rights_say_where_to_click() {
    let faults = BillingFaults::default;
    for (behaviour, expected) in [
        (with(BillingFaults { no_permission: true, ..faults() }), "API permissions"),
        (with(BillingFaults { no_invoice_role: true, ..faults() }), "Billing admin"),
        (Behaviour { mfa_required: true, ..Behaviour::default() }, "multi-factor"),
    ] {
        let (_, client) = connected(2, behaviour);
        let lacks: Vec<String> = client
            .check()
            .await
            .steps
            .into_iter()
            .filter_map(|step| match step.outcome {
                Outcome::Lacks(why) | Outcome::Fails(why) => Some(why),
                _ => None,
            })
            .collect();
        assert!(lacks.iter().any(|why| why.contains(expected)), "{expected}: {lacks:?}");
    }
    let (sandbox, client) = connected(2, with(BillingFaults { no_permission: true, ..faults() }));
    assert!(matches!(ended(&client, &billed(true)).await, Err(Error::Refused(_))));
    sandbox.behave(Behaviour { mfa_required: true, ..Behaviour::default() });
    assert!(matches!(ended(&client, &billed(true)).await, Err(Error::MfaRequired(_))));
    // The control.
    sandbox.behave(Behaviour::default());
    assert!(client.check().await.steps.iter().all(|step| matches!(step.outcome, Outcome::Works(_))));
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_a_file_while_it_is_read() {
    let (sandbox, client) =
        connected(2, with(BillingFaults { sas_reads: Some(1), ..BillingFaults::default() }));
    let first = manifest(&client, &billed(true)).await;
    let name = &first.blobs[0];
    let part = client.read_blob(&first, name, 0, PART_BYTES, "").await.unwrap();
    let Part::Bytes { bytes, total, etag } = part else { panic!("{part:?}") };
    assert_eq!((bytes.len() as u64, etag.is_empty()), (total, false));
    assert_eq!(client.read_blob(&first, name, 10, PART_BYTES, &etag).await.unwrap(), Part::Expired);
    // With a new token it goes on where it stopped.
    let again = manifest(&client, &billed(true)).await;
    assert_eq!(again.etag, first.etag);
    let part = client.read_blob(&again, name, 10, PART_BYTES, &etag).await.unwrap();
    assert!(matches!(&part, Part::Bytes { bytes: rest, .. } if rest[..] == bytes[10..]), "{part:?}");

    let cases = [
        (BillingFaults { changed_after: Some(0), ..BillingFaults::default() }, 0, true),
        (BillingFaults { cut_blob: Some(0), ..BillingFaults::default() }, total - 1, true),
        (BillingFaults { cut_blob: Some(0), ..BillingFaults::default() }, total - 1, false),
        (BillingFaults { no_ranges: true, cut_blob: Some(0), ..BillingFaults::default() }, total - 1, false),
    ];
    let reconciliation = billed(false);
    for (faults, from, same) in cases {
        sandbox.behave(with(BillingFaults::default()));
        // A reconciliation has a line more in its second version.
        let manifest = manifest(&client, &reconciliation).await;
        let part = client.read_blob(&manifest, name, 0, PART_BYTES, "").await.unwrap();
        let Part::Bytes { etag, total: all, .. } = part else { panic!("{part:?}") };
        sandbox.behave(with(faults.clone()));
        let etag = if same { etag.as_str() } else { "" };
        let part = client.read_blob(&manifest, name, from.min(all - 1), PART_BYTES, etag).await.unwrap();
        assert!(matches!(part, Part::Changed(_)), "{faults:?}: {part:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn passing_errors_of_the_store_pass() {
    let next_blob = [Fault::Status { status: 503, retry_after: None }, Fault::Break, Fault::Hang];
    let (sandbox, client) =
        connected(2, with(BillingFaults { next_blob: next_blob.clone().into(), ..BillingFaults::default() }));
    let manifest = manifest(&client, &billed(true)).await;
    whole(&client, &manifest, &manifest.blobs[0]).await;
    // The control: one more than it takes.
    let next_blob = vec![Fault::Status { status: 503, retry_after: None }; 4];
    sandbox.behave(with(BillingFaults { next_blob: next_blob.into(), ..BillingFaults::default() }));
    let failed = client.read_blob(&manifest, &manifest.blobs[0], 0, PART_BYTES, "").await;
    assert!(matches!(failed, Err(Error::Unreachable { .. })), "{failed:?}");
    assert!(!format!("{failed:?}").contains("SAS"), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_national_cloud_has_no_exports() {
    let sandbox = Sandbox::new(1, common::SEED, Behaviour::default());
    let client = client(&sandbox, Settings { graph_url: None, ..settings() });
    let error = client.start_export(&billed(true)).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(why) if why.contains("global cloud")), "{error}");
    assert!(client.check().await.works());
}

#[tokio::test(start_paused = true)]
async fn all_scopes_exchange_the_newest_refresh_token() {
    let sandbox = Sandbox::new(
        1,
        common::SEED,
        Behaviour { refresh_tokens_once: true, token_seconds: 60, ..Behaviour::default() },
    );
    let credentials = Credentials::RefreshToken {
        client_secret: sandbox::CLIENT_SECRET.into(),
        refresh_token: sandbox::REFRESH_TOKEN.into(),
    };
    let client = client(&sandbox, Settings { credentials, ..settings() });
    for _ in 0..3 {
        let (invoices, export) = (client.invoices(), billed(true));
        let (invoices, exported) = tokio::join!(invoices, client.start_export(&export));
        assert!(invoices.is_ok() && exported.is_ok(), "{invoices:?} {exported:?}");
        tokio::time::advance(Duration::from_secs(61)).await;
    }
    assert_eq!(sandbox.status().counts.sign_ins, 6);
}

#[tokio::test(start_paused = true)]
async fn tokens_go_to_graph_alone() {
    let sandbox = Sandbox::new(1, common::SEED, Behaviour::default());
    let client = client(&sandbox, settings());
    for url in [
        "https://elsewhere.example/operations/1",
        "http://sandbox.example.evil/x",
        "ftp://sandbox.example/x",
        "x",
    ] {
        assert!(matches!(client.operation(url).await, Err(Error::Invalid(_))), "{url}");
    }
    assert_eq!(sandbox.status().counts.sign_ins, 0);
}
