//! Leases: a row of work is taken by one server or command at a time. Its attempt number rises whenever it is taken, and a
//! write under an older attempt changes nothing.

use crate::engine::value::args;
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// A lease on a row of work. Writes under it succeed only as long as no other worker has taken the row since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The partner that owns the row.
    pub partner: PartnerId,
    /// The row's id.
    pub id: i64,
    /// The attempt number, from 1.
    pub attempt: i64,
}

/// A table whose rows are worked on under leases. It has the columns `partner_id`, `id`, `state`, `by_command`, `progress`,
/// `attempt`, `leased_until` and `updated_at`.
#[derive(Clone, Copy, Debug)]
pub struct LeasedTable {
    pub(crate) name: &'static str,
    /// Whether cancellation of a row was requested, as SQL.
    pub(crate) cancelling: &'static str,
}

impl LeasedTable {
    /// The rows of all partners that a server may take now, oldest first.
    pub async fn waiting(self, tx: &mut Tx, now: Timestamp) -> Result<Vec<(PartnerId, i64)>, Error> {
        let leased = self.name;
        let sql = format!(
            "SELECT partner_id, id FROM {leased}
             WHERE state IN ('queued', 'running') AND NOT by_command AND leased_until <= $1 ORDER BY id"
        );
        tx.all(&sql, args![now.as_second()], |row| Ok((PartnerId(row.next()?), row.next()?))).await
    }

    /// Takes the lease of a row that is not leased; `false` if it is, or has ended.
    pub(crate) async fn take(
        self,
        tx: &mut Tx,
        partner: PartnerId,
        id: i64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, Error> {
        let leased = self.name;
        let sql = format!(
            "UPDATE {leased} SET state = 'running', attempt = attempt + 1, leased_until = $4, updated_at = $3
             WHERE partner_id = $1 AND id = $2 AND leased_until <= $3 AND state IN ('queued', 'running')"
        );
        let row = args![partner.0, id, now.as_second(), until.as_second()];
        Ok(tx.execute(&sql, row).await? == 1)
    }

    /// Renews a lease and records the progress, as JSON. Returns whether cancellation was requested; `None` if the lease is
    /// lost.
    pub async fn renew(
        self,
        tx: &mut Tx,
        lease: Lease,
        progress: &str,
        until: Timestamp,
    ) -> Result<Option<bool>, Error> {
        let LeasedTable { name: leased, cancelling } = self;
        let sql = format!(
            "UPDATE {leased} SET progress = $4, leased_until = $5
             WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running' RETURNING {cancelling}"
        );
        let row = args![lease.partner.0, lease.id, lease.attempt, progress, until.as_second()];
        tx.first(&sql, row, |row| row.next()).await
    }

    /// Releases a lease, so that another worker can take the row at once.
    pub async fn give_back(self, tx: &mut Tx, lease: Lease) -> Result<(), Error> {
        let leased = self.name;
        let sql = format!(
            "UPDATE {leased} SET leased_until = 0
             WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running'"
        );
        tx.execute(&sql, args![lease.partner.0, lease.id, lease.attempt]).await.map(drop)
    }
}
