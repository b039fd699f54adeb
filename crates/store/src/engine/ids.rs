//! Ids: rising, never given twice, and counted for each partner by itself, so that they say nothing about other partners.
//!
//! On SQLite the last id of a partner and kind is a row of `id_sequences`, written once for a commit. On PostgreSQL it is a
//! sequence such as `customers_id_17`: a row would stay locked until the commit, and a partner's creates would wait for
//! each other.

use super::value::{Arg, args};
use super::{Conn, Tx};
use crate::Error;
use domain::PartnerId;

/// What has ids in a partner.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    User,
    Customer,
    AzureTenant,
    AuditEvent,
    PriceRule,
    BillRun,
    Statement,
}

/// The kind of the partners themselves, whose ids the server counts.
pub(crate) const PARTNERS: &str = "partners";

/// The partner in `id_sequences` of what belongs to no partner.
const SERVER: i64 = 0;

/// Who has ids on PostgreSQL: the server has events of its own.
const PARTNERS_AND_SERVER: &str = "SELECT id FROM partners UNION SELECT 0";

/// Creates PostgreSQL's sequences where they are missing; what is in braces is filled in.
const MISSING: &str = include_str!("sequences.sql");

impl Kind {
    pub(crate) const ALL: [Kind; 7] = [
        Kind::User,
        Kind::Customer,
        Kind::AzureTenant,
        Kind::AuditEvent,
        Kind::PriceRule,
        Kind::BillRun,
        Kind::Statement,
    ];

    /// Its table, which has a column `id`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::User => "users",
            Kind::Customer => "customers",
            Kind::AzureTenant => "azure_tenants",
            Kind::AuditEvent => "audit_events",
            Kind::PriceRule => "price_rules",
            Kind::BillRun => "bill_runs",
            Kind::Statement => "statements",
        }
    }

    /// All of them as rows of a `VALUES` list.
    pub(crate) fn values() -> String {
        Kind::ALL.map(|kind| format!("('{}')", kind.name())).join(", ")
    }
}

/// Statements that create a partner's sequences on PostgreSQL, where they are not there yet.
pub(crate) fn create_sequences(partner: i64) -> String {
    Kind::ALL.map(|kind| format!("CREATE SEQUENCE IF NOT EXISTS {}_id_{partner};", kind.name())).concat()
}

/// A statement that drops the sequences that all partners shared, once each has its own on PostgreSQL.
pub(crate) fn drop_shared_sequences() -> String {
    let names = Kind::ALL.map(|kind| format!("{}_id_before", kind.name())).join(", ");
    format!("DROP SEQUENCE IF EXISTS {names}")
}

impl Tx {
    /// The next id of a kind in a partner. On PostgreSQL it is not given again even if this transaction fails.
    pub(crate) async fn next_id(&mut self, partner: PartnerId, kind: Kind) -> Result<i64, Error> {
        let Conn::Postgres(_) = self.conn else { return self.next_in_row(partner.0, kind.name()).await };
        let sql = format!("SELECT {}", self.next_id_in(kind));
        let id = self.first(&sql, args![partner.0], |row| row.next::<i64>()).await?;
        id.ok_or_else(|| Error::defect("a sequence gave no id"))
    }

    /// An expression that draws the next id of a kind in a statement whose `$1` is the partner; `NULL` on SQLite, where
    /// [`Tx::next_id`] costs no statement.
    pub(crate) fn next_id_in(&self, kind: Kind) -> String {
        match &self.conn {
            Conn::Sqlite(_) => "NULL".to_owned(),
            Conn::Postgres(_) => format!("nextval(('{}_id_' || $1::bigint)::regclass)", kind.name()),
        }
    }

    /// Run an `INSERT` whose `$1` is the partner and whose last value, `$N` behind those of `args`, is the next id of a
    /// kind; the id, or `None` where a conflict kept the row out.
    pub(crate) async fn insert(
        &mut self,
        partner: PartnerId,
        kind: Kind,
        sql: &str,
        args: &[Arg<'_>],
    ) -> Result<Option<i64>, Error> {
        if let Conn::Postgres(_) = self.conn {
            let draw = self.next_id_in(kind);
            let sql = format!("{} RETURNING id", sql.replace(&format!("${}", args.len() + 1), &draw));
            return self.first(&sql, args, |row| row.next()).await;
        }
        // Not RETURNING: SQLite would make a table for the answer.
        let id = self.next_id(partner, kind).await?;
        let args: Vec<Arg<'_>> = args.iter().copied().chain([id.into()]).collect();
        Ok((self.execute(sql, &args).await? == 1).then_some(id))
    }

    /// The id of a partner that is to be added.
    pub(crate) async fn next_partner_id(&mut self) -> Result<PartnerId, Error> {
        if let Conn::Sqlite(_) = self.conn {
            return self.next_in_row(SERVER, PARTNERS).await.map(PartnerId);
        }
        let id = self.first("SELECT nextval('partners_id')", &[], |row| row.next::<i64>()).await?;
        id.map(PartnerId).ok_or_else(|| Error::defect("a sequence gave no id"))
    }

    /// Have ids for a partner that this transaction has added.
    pub(crate) async fn start_ids(&mut self, partner: PartnerId) -> Result<(), Error> {
        let Conn::Postgres(client) = &mut self.conn else { return Ok(()) };
        // The role that transactions step down to may use sequences, but creates none.
        let (create, names) =
            (create_sequences(partner.0), Kind::ALL.map(|kind| format!("{}_id_{partner}", kind.name())));
        let sql = format!(
            "DO $$
             DECLARE
                 own_role text := current_setting('role');
             BEGIN
                 SET LOCAL ROLE NONE;
                 {create}
                 IF own_role <> 'none' THEN
                     EXECUTE format('GRANT SELECT, UPDATE ON SEQUENCE {} TO %I', own_role);
                 END IF;
                 PERFORM set_config('role', own_role, true);
             END $$",
            names.join(", ")
        );
        client.batch(&sql).await
    }

    /// Have ids for all partners that lack some, of up to a hundred; whether there may be more. On PostgreSQL, as the owner.
    pub(crate) async fn start_missing_ids(&mut self) -> Result<bool, Error> {
        let kinds = Kind::values();
        let is_missing = format!(
            "EXISTS (SELECT FROM (VALUES {kinds}) k (kind) WHERE to_regclass(k.kind || '_id_' || partners.id) IS NULL)"
        );
        let found = format!("SELECT id FROM ({PARTNERS_AND_SERVER}) partners WHERE {is_missing} LIMIT 1");
        let found = self.first(&found, &[], |row| row.next::<i64>()).await?.is_some();
        let sql = if found {
            let filled = MISSING.replace("{kinds}", &kinds).replace("{is_missing}", &is_missing);
            filled.replace("{partners}", PARTNERS_AND_SERVER)
        } else {
            drop_shared_sequences()
        };
        let Conn::Postgres(client) = &mut self.conn else { return Ok(false) };
        client.batch(&sql).await?;
        Ok(found)
    }

    /// Let ids of customers go on from `next` in every partner. For the sandbox, where a documented example is replayed.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn continue_customer_ids(&mut self, next: i64) -> Result<(), Error> {
        if let Conn::Postgres(_) = self.conn {
            let sql = "SELECT setval(('customers_id_' || id)::regclass, GREATEST($1::bigint - 1, 1), $1 > 1) FROM partners";
            return self.execute(sql, args![next]).await.map(drop);
        }
        for partner in self.all("SELECT id FROM partners", &[], |row| row.next::<i64>()).await? {
            self.notes().ids.insert((partner, Kind::Customer.name()), (next - 1, true));
        }
        Ok(())
    }

    async fn next_in_row(&mut self, partner: i64, kind: &'static str) -> Result<i64, Error> {
        if !self.notes().ids.contains_key(&(partner, kind)) {
            let sql = "SELECT last_id FROM id_sequences WHERE partner_id = $1 AND kind = $2";
            let last = self.first(sql, args![partner, kind], |row| row.next::<i64>()).await?;
            self.notes().ids.insert((partner, kind), (last.unwrap_or(0), false));
        }
        let mut notes = self.notes();
        let (last, given) = notes.ids.entry((partner, kind)).or_default();
        (*last, *given) = (*last + 1, true);
        Ok(*last)
    }

    /// Write down which ids were given: on SQLite, at the end of a transaction.
    pub(crate) async fn flush_ids(&mut self) -> Result<(), Error> {
        let mut given = Vec::new();
        for (of, (last, is_new)) in &mut self.notes().ids {
            if std::mem::take(is_new) {
                given.push((*of, *last));
            }
        }
        let sql = "INSERT INTO id_sequences (partner_id, kind, last_id) VALUES ($1, $2, $3)
                   ON CONFLICT (partner_id, kind) DO UPDATE SET last_id = excluded.last_id";
        for ((partner, kind), last) in given {
            self.later(sql, args![partner, kind, last]).await?;
        }
        Ok(())
    }
}
