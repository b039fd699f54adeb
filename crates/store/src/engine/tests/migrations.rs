//! What migrations make of the rows that earlier versions have left.

use super::texts;
use crate::engine::{Db, Options, Purpose, Tx};
use test_support::raw::{Folder, postgres, postgres_is_here, sql};

/// The URLs of a database on each engine that is here.
async fn empty_databases(folder: &Folder) -> Vec<String> {
    let mut urls = vec![folder.sqlite("t.db")];
    if postgres_is_here() {
        urls.push(postgres().await);
    }
    urls
}

/// The paths of bills that version 0.1 has noted get their partner.
#[tokio::test(flavor = "multi_thread")]
async fn paths_of_bills_get_their_partner() {
    let folder = Folder::new();
    let report = r#"{"customers":[{"name":"\"prefix\":\"x","prefix":"acme/2026-10/3/v1/","final_prefix":"acme/2026-10/3/v2/","ledger":"_runs/7/ledgers/3-USD-v1.csv"},{"prefix":null,"ledger":null}]}"#;
    let expected = r#"{"customers":[{"name":"\"prefix\":\"x","prefix":"p5/acme/2026-10/3/v1/","final_prefix":"p5/acme/2026-10/3/v2/","ledger":"_runs/p5/7/ledgers/3-USD-v1.csv"},{"prefix":null,"ledger":null}]}"#;
    for url in empty_databases(&folder).await {
        let db = Db::open_for(&url, Options::default(), Purpose::Fill(17)).await.unwrap();
        let rows = format!(
            "INSERT INTO partners (id, name, name_key, suspended, created_at) VALUES (5, 'P', 'p', FALSE, 0);
             INSERT INTO bill_runs (partner_id, id, billing_period, state, request, by_command, released, report, cancelling,
                 attempt, leased_until, created_at, updated_at)
             VALUES (5, 7, '2026-10', 'succeeded', '{{}}', FALSE, '[]', '{report}', FALSE, 1, 0, 0, 0);
             INSERT INTO statements (partner_id, id, customer_id, billing_period, currency, total, status, run_id, folder,
                 version, files, ledger, generated_at, stated_at)
             VALUES (5, 1, 3, '2026-10', 'USD', '1', 'Final', 7, 'acme', 1, '[]', '7/ledgers/3-USD-v1.csv', 0, 0);
             INSERT INTO corrections (partner_id, customer_id, billing_period, version, currency, amount, run_id, folder, ledger)
             VALUES (5, 3, '2026-10', 2, 'USD', '1', 7, 'acme', '7/ledgers/3-USD-v2.csv');"
        );
        db.close().await;
        sql(&url, &rows).await;
        Db::open(&url).await.unwrap().close().await;
        let mut tx = Tx::snapshot(&url).await.unwrap();
        let query = "SELECT report FROM bill_runs UNION ALL SELECT ledger FROM statements UNION ALL SELECT ledger FROM corrections";
        let mut found = texts(&mut tx, query).await;
        found.sort();
        assert_eq!(found, ["p5/7/ledgers/3-USD-v1.csv", "p5/7/ledgers/3-USD-v2.csv", expected], "{url}");
    }
}

/// Statements of versions without drafts are what customers have seen.
#[tokio::test(flavor = "multi_thread")]
async fn earlier_statements_are_published() {
    let folder = Folder::new();
    for url in empty_databases(&folder).await {
        let db = Db::open_for(&url, Options::default(), Purpose::Fill(20)).await.unwrap();
        let statement = |id: i64, period: &str, status: &str| {
            format!(
                "INSERT INTO statements (partner_id, id, customer_id, billing_period, currency, total, status, run_id, folder,
                     version, files, ledger, generated_at, stated_at, invoice_id)
                 VALUES (5, {id}, 3, '{period}', 'USD', '1.5', '{status}', 7, 'acme', {id}, '[]', 'l', 10, 20, 'G1');"
            )
        };
        let correction = |version: i64, carrier: &str| {
            format!(
                "INSERT INTO corrections (partner_id, customer_id, billing_period, version, currency, amount, run_id, folder,
                     ledger, carried_by) VALUES (5, 3, '2026-10', {version}, 'USD', '1', 7, 'acme', 'l', {carrier});"
            )
        };
        let rows = [
            "INSERT INTO partners (id, name, name_key, suspended, created_at) VALUES (5, 'P', 'p', FALSE, 0);".to_owned(),
            statement(1, "2026-10", "Final"),
            statement(2, "2026-11", "Estimated"),
            correction(2, "'2026-11'"),
            correction(3, "'2026-12'"),
            correction(4, "NULL"),
        ];
        db.close().await;
        sql(&url, &rows.concat()).await;
        Db::open(&url).await.unwrap().close().await;
        let mut tx = Tx::snapshot(&url).await.unwrap();
        let published = "SELECT billing_period || ' ' || status || ' ' || total || ' ' || invoice_id FROM publications ORDER BY id";
        assert_eq!(
            texts(&mut tx, published).await,
            ["2026-10 Final 1.5 G1", "2026-11 Estimated 1.5 G1"],
            "{url}"
        );
        let seen = "SELECT COALESCE(published_by, '-') FROM corrections ORDER BY version";
        assert_eq!(texts(&mut tx, seen).await, ["2026-11", "-", "-"], "{url}");
    }
}

/// What statements carried that were voided or withdrawn by earlier versions is found by the plans of their runs.
#[tokio::test(flavor = "multi_thread")]
async fn former_corrections_are_found_by_plans() {
    let folder = Folder::new();
    for url in empty_databases(&folder).await {
        let db = Db::open_for(&url, Options::default(), Purpose::Fill(35)).await.unwrap();
        let run = |id: i64, plan: &str| {
            format!(
                "INSERT INTO bill_runs (partner_id, id, billing_period, state, request, by_command, released, plan, cancelling,
                     attempt, leased_until, created_at, updated_at)
                 VALUES (5, {id}, '2026-11', 'succeeded', '{{}}', FALSE, '[]', {plan}, FALSE, 1, 0, 0, 0);"
            )
        };
        let planned = |version: i64, currency: &str| {
            format!(
                r#"{{"billing_period":"2026-10","version":{version},"currency":"{currency}","amount":"1.5"}}"#
            )
        };
        let plan = format!(
            r#"'{{"issuer":"P","customers":[{{"id":3,"name":"\"''","corrections":[{},{},{}]}},{{"id":4,"corrections":[]}}]}}'"#,
            planned(2, "USD"),
            planned(2, "EUR"),
            planned(9, "USD")
        );
        let statement = |id: i64, run: i64, currency: &str, status: &str| {
            format!(
                "INSERT INTO statements (partner_id, id, customer_id, billing_period, currency, total, status, run_id, folder,
                     version, files, ledger, generated_at, stated_at)
                 VALUES (5, {id}, 3, '2026-11', '{currency}', '1.5', '{status}', {run}, 'acme', {id}, '[]', 'l', 10, 20);"
            )
        };
        let correction = |version: i64, currency: &str| {
            format!(
                "INSERT INTO corrections (partner_id, customer_id, billing_period, version, currency, amount, run_id, folder,
                     ledger, files) VALUES (5, 3, '2026-10', {version}, '{currency}', '1.5', 6, 'acme', 'l', '[\"f\"]');"
            )
        };
        let rows = [
            "INSERT INTO partners (id, name, name_key, suspended, created_at) VALUES (5, 'P', 'p', FALSE, 0);".to_owned(),
            run(7, &plan),
            run(8, &plan),
            run(9, "NULL"),
            run(10, r#"'{"customers":[{"id":3,"name":"\u0000","corrections":[]}]}'"#),
            statement(1, 7, "USD", "Void"),
            statement(2, 7, "USD", "Reversal"),
            statement(3, 8, "EUR", "Withdrawn"),
            // One that counts names its own.
            statement(4, 8, "USD", "Final"),
            statement(5, 9, "USD", "Void"),
            statement(6, 10, "USD", "Void"),
            correction(2, "USD"),
            correction(2, "EUR"),
            // The statements' runs had no part in it.
            correction(3, "USD"),
        ];
        db.close().await;
        sql(&url, &rows.concat()).await;
        Db::open(&url).await.unwrap().close().await;
        let mut tx = Tx::snapshot(&url).await.unwrap();
        let found = "SELECT statement_id || ' ' || customer_id || ' ' || billing_period || '/' || version || ' ' || currency
                         || ' ' || amount || ' ' || run_id || ' ' || folder || ' ' || files || ' ' || ledger
                     FROM former_corrections ORDER BY statement_id";
        assert_eq!(
            texts(&mut tx, found).await,
            [r#"1 3 2026-10/2 USD 1.5 6 acme ["f"] l"#, r#"3 3 2026-10/2 EUR 1.5 6 acme ["f"] l"#],
            "{url}"
        );
    }
}
