//! Every statement of every resource is prepared on both engines: each has its own opinion of what SQL is, and of which
//! columns there are. The texts are taken from the source, so that a new one cannot be forgotten.

use crate::Db;
use std::path::{Path, PathBuf};
use test_support::raw::{Folder, postgres, postgres_is_here};

/// Placeholders in braces, with their SQL on SQLite and on PostgreSQL. A name in capitals is a constant of the same file.
const IN_BRACES: [(&str, &str, &str); 12] = [
    ("{used}", "IS NOT NULL", "IS NULL"),
    ("{id}", "NULL", "nextval(('customers_id_' || $1::bigint)::regclass)"),
    ("{hold}", "$1 IS NOT NULL", "pg_try_advisory_xact_lock(hashtextextended($1, 0))"),
    ("{for_update}", "", " FOR UPDATE"),
    ("{times}", "(SELECT $3)", "generate_series(1::bigint, $3)"),
    ("{table}", "publications", "publications"),
    ("{leased}", "bill_runs", "bill_runs"),
    ("{cancelling}", "cancelling", "cancelling"),
    ("{carrier}", "carried_by", "carried_by"),
    ("{published}", "version, status, folder", "version, status, folder"),
    ("{what}", "c.id", "c.id"),
    ("{set}", "published_at = excluded.published_at", "published_at = excluded.published_at"),
];
/// Statements that the program completes, with the rest of their text.
const UNFINISHED: [(&str, &str); 1] =
    [("SELECT customer_id FROM customer_tags WHERE (", "partner_id = $1 AND key = $2)")];

struct Statement {
    at: String,
    sqlite: String,
    postgres: String,
}

/// The string literals of a source file that has neither raw strings nor quotes in comments behind code.
fn literals(source: &str) -> Vec<String> {
    let code: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let (mut found, mut open, mut text) = (Vec::new(), false, String::new());
    let code = code.join("\n");
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match (open, c) {
            (false, '\'') if chars.next_if_eq(&'"').is_some() => {} // '"'
            (false, '"') => open = true,
            (true, '"') => {
                open = false;
                found.push(std::mem::take(&mut text));
            }
            (true, '\\') => match chars.next() {
                Some('\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                escaped => text.extend(escaped),
            },
            (true, c) => text.push(c),
            _ => {}
        }
    }
    found
}

/// The source files of resources, each with the one that has its constants: for a file in a folder, the one that is called as
/// the folder is.
fn resources() -> Vec<(PathBuf, PathBuf)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&src).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("prepared.rs") {
            found.push((path.clone(), path));
        }
    }
    let list = src.join("customers/list.rs");
    found.push((list, src.join("customers.rs")));
    found
}

fn statements() -> Vec<Statement> {
    let mut found = Vec::new();
    for (file, of_constants) in resources() {
        let source = std::fs::read_to_string(&file).unwrap();
        let constants: Vec<(String, String)> = std::fs::read_to_string(of_constants)
            .unwrap()
            .split("\nconst ")
            .filter_map(|rest| rest.split_once(": &str ="))
            .map(|(name, rest)| (format!("{{{name}}}"), literals(rest)[0].clone()))
            .collect();
        for literal in literals(&source) {
            let starts = |verb: &&str| literal.trim_start().starts_with(*verb);
            if !["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "].iter().any(starts) {
                continue;
            }
            let mut sql = literal.split_whitespace().collect::<Vec<_>>().join(" ");
            if literal.ends_with(' ') {
                sql.push(' ');
            }
            for (name, text) in &constants {
                sql = sql.replace(name, text);
            }
            let (mut sqlite, mut postgres) = (sql.clone(), sql);
            for (braces, on_sqlite, on_postgres) in IN_BRACES {
                sqlite = sqlite.replace(braces, on_sqlite);
                postgres = postgres.replace(braces, on_postgres);
            }
            for sql in [&mut sqlite, &mut postgres] {
                let rest = UNFINISHED.iter().find(|(end, _)| sql.ends_with(end));
                sql.push_str(rest.map_or("", |(_, rest)| rest));
            }
            found.push(Statement { at: file.display().to_string(), sqlite, postgres });
        }
    }
    found
}

#[test]
fn literals_are_found() {
    let source = r#"
        // "not this"
        let (a, b) = ("one, '\"two\"' \
                       three", '"');
        /// "nor this"
        f("") + "four
five""#;
    assert_eq!(literals(source), ["one, '\"two\"' three", "", "four\nfive"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_prepared_on_both_engines() {
    let statements = statements();
    assert!(statements.len() > 60, "only {} statements were found", statements.len());
    let folder = Folder::new();
    Db::open(&folder.sqlite("t.db")).await.unwrap().close().await;
    let sqlite = rusqlite::Connection::open(folder.file("t.db")).unwrap();
    let mut wrong = Vec::new();
    for Statement { at, sqlite: sql, .. } in &statements {
        let prepared = sqlite.prepare(&sql.replace('$', "?"));
        wrong.extend(prepared.err().map(|error| format!("{at}, on SQLite: {error}\n    {sql}")));
    }
    if postgres_is_here() {
        let url = postgres().await;
        Db::open(&url).await.unwrap().close().await;
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        for Statement { at, postgres: sql, .. } in &statements {
            let prepared = client.prepare(sql).await;
            wrong.extend(prepared.err().map(|error| format!("{at}, on PostgreSQL: {error:?}\n    {sql}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
