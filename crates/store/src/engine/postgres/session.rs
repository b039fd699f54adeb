//! A session of PostgreSQL's that belongs to one connection. A pooler that hands out a session for each transaction loses
//! settings and prepared statements, and gives them to others.

use super::connect::{Connection, unreachable};
use crate::Error;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Settings of every session, which the operator's own options may change: bounds, and no compiling of statements. To
/// compile one takes longer than to run it, and old statistics or a join that is ruled out make PostgreSQL do so.
const SETTINGS: [(&str, &str); 4] = [
    ("idle_in_transaction_session_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("statement_timeout", "30s"),
    ("jit", "off"),
];

const POOLER: &str = "a pooler between this server and PostgreSQL gives each transaction another session, in which settings and \
                      prepared statements are lost: set pool_mode=session for this database (PgBouncer), or connect to \
                      PostgreSQL directly";

/// The names of the settings in an `options` text such as `-c lock_timeout=5s`.
pub(super) fn names(options: &str) -> Vec<String> {
    let settings = options.split_whitespace().map(|word| word.trim_start_matches("--"));
    let settings = settings.map(|word| word.strip_prefix("-c").unwrap_or(word));
    let names = settings.filter_map(|word| Some(word.split_once('=')?.0.replace('-', "_").to_lowercase()));
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).collect()
}

/// Set a new session up; its name. COMMIT's warnings are needed whatever the operator's own settings are.
pub(super) async fn begin(client: &Client, own: &[String]) -> Result<String, Error> {
    let ours = SETTINGS.iter().filter(|(name, _)| !own.iter().any(|own| own == name));
    let mut sql: String = ours.map(|(name, value)| format!("SET {name} = '{value}'; ")).collect();
    sql.push_str(
        "SET client_min_messages = warning; SELECT current_setting('tenantry.session', true);
         SELECT set_config('tenantry.session', gen_random_uuid()::text, false); ",
    );
    let own: Vec<String> =
        own.iter().filter(|name| *name != "client_min_messages").map(|n| format!("'{n}'")).collect();
    if !own.is_empty() {
        sql.push_str(&format!(
            "SELECT name FROM pg_settings WHERE name IN ({}) AND source <> 'client'",
            own.join(", ")
        ));
    }
    let mut rows = values(client, &sql).await?.into_iter();
    let (before, name, lost) = (rows.next().flatten(), rows.next().flatten(), rows.next().flatten());
    if before.is_some_and(|before| !before.is_empty()) {
        return Err(Error::Unfit(POOLER.into()));
    }
    if let Some(lost) = lost {
        return Err(Error::Unfit(format!(
            "{lost} of the database URL's options did not arrive: a pooler ignores them (PgBouncer: \
             ignore_startup_parameters). Set it with ALTER ROLE … SET {lost} = …, and leave it out of the URL"
        )));
    }
    name.ok_or_else(|| Error::defect("a session has no name"))
}

/// Refuse a pooler that gives these connections, which are open at the same time, each other's sessions. It may hand out
/// the one that was used last or the one that was not used for longest, so each is asked twice in a row.
pub(super) async fn check_separate(one: &Connection, other: &Connection) -> Result<(), Error> {
    for connection in [one, one, other, other, one] {
        let found = values(&connection.client, "SELECT current_setting('tenantry.session', true)").await?;
        if found.into_iter().flatten().next().as_ref() != Some(&connection.session) {
            return Err(Error::Unfit(POOLER.into()));
        }
    }
    Ok(())
}

/// The first value of each row that some statements answer.
async fn values(client: &Client, sql: &str) -> Result<Vec<Option<String>>, Error> {
    let answer = client.simple_query(sql).await.map_err(|e| unreachable(&e))?;
    let rows = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
        _ => None,
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_of_settings_are_found() {
        for (options, expected) in [
            ("", &[][..]),
            ("-c lock_timeout=5s", &["lock_timeout"]),
            ("-clock_timeout=5s  -c statement_timeout=1min", &["lock_timeout", "statement_timeout"]),
            ("--lock-timeout=5s --Work_Mem=1MB", &["lock_timeout", "work_mem"]),
            ("-c own.setting=1 -d 5 -c x'y=1", &[]),
        ] {
            assert_eq!(names(options), expected, "{options}");
        }
    }
}
