//! Whether others have a database open: what they change while it is copied is not in the copy.

use crate::Error;
use crate::engine::value::args;
use crate::engine::{Target, Tx};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// First byte of the range that SQLite's connections lock while they have a database open: PENDING_BYTE + 2.
const SHARED_FIRST: &str = "1073741826";
/// Time that PostgreSQL may need to notice that a client has ended.
const FAREWELL: Duration = Duration::from_secs(2);

/// Which program has a database open, so far as that can be seen: for SQLite on this machine, for PostgreSQL any that
/// calls itself `tenantry`.
pub async fn used_by(url: &str) -> Result<Option<String>, Error> {
    match Target::of(url)? {
        Target::Sqlite(path) => {
            let Ok(about) = std::fs::metadata(path) else { return Ok(None) };
            let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
            Ok(lock_holder(&locks, about.ino()).map(|pid| format!("process {pid}")))
        }
        Target::Postgres(_) => {
            let mut tx = Tx::snapshot(url).await?;
            let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND application_name = 'tenantry' AND pid <> pg_backend_pid()";
            let began = Instant::now();
            loop {
                // What a transaction has seen of it stays until it is told to look again.
                tx.all("SELECT pg_stat_clear_snapshot()::text", args![], |_| Ok(())).await?;
                let others = tx.first(sql, args![], |row| row.next::<i64>()).await?.unwrap_or(0);
                if others == 0 {
                    return Ok(None);
                }
                if began.elapsed() > FAREWELL {
                    return Ok(Some(format!("a server with {others} connections")));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The process that has a SQLite database of this inode open, from the text of /proc/locks:
/// `1: POSIX  ADVISORY  READ 4711 fd:00:131 1073741826 1073742335`.
fn lock_holder(locks: &str, inode: u64) -> Option<String> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "->").collect();
        let [_, "POSIX", _, _, pid, file, first, ..] = words[..] else { return None };
        let same = first == SHARED_FIRST && file.rsplit(':').next()?.parse() == Ok(inode);
        same.then(|| pid.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::lock_holder;

    #[test]
    fn holders_of_locks_are_found() {
        let locks = "1: FLOCK  ADVISORY  WRITE 12 00:31:131 0 EOF\n\
                     2: POSIX  ADVISORY  READ 4711 fd:00:131 1073741826 1073742335\n\
                     2: -> POSIX  ADVISORY  WRITE 4712 fd:00:133 1073741826 1073742335\n\
                     3: POSIX  ADVISORY  READ 4713 fd:00:132 128 128\n";
        for (inode, holder) in [(131, Some("4711")), (132, None), (133, Some("4712")), (13, None)] {
            assert_eq!(lock_holder(locks, inode).as_deref(), holder, "{inode}");
        }
    }
}
