//! Ids: ascending, never reused, and counted per partner, so that they reveal nothing about other partners.
//!
//! On SQLite the last id of a partner and sequence is a row of `id_sequences`, written once per commit. On PostgreSQL it is a
//! sequence such as `customers_id_17`: a row would stay locked until the commit, so a partner's creates would be serial.

use super::value::{Arg, args};
use super::{Conn, Tx};
use crate::Error;
use domain::PartnerId;

/// Sequence of ids, one per partner and table.
#[derive(Clone, Copy)]
pub(crate) enum IdSequence {
    User,
    Customer,
    AzureTenant,
    AuditEvent,
    PriceRule,
    BillRun,
    Statement,
    InvoiceFetch,
}

/// Name of the sequence of partner ids, which belongs to the server.
pub(crate) const PARTNERS: &str = "partners";

/// Value of `id_sequences.partner_id` for sequences of the server.
const SERVER: i64 = 0;

/// Owners of sequences on PostgreSQL. The server (0) has audit events of its own.
const PARTNERS_AND_SERVER: &str = "SELECT id FROM partners UNION SELECT 0";

/// Template of the statement that creates missing sequences on PostgreSQL.
const MISSING: &str = include_str!("sequences.sql");

impl IdSequence {
    pub(crate) const ALL: [IdSequence; 8] = [
        IdSequence::User,
        IdSequence::Customer,
        IdSequence::AzureTenant,
        IdSequence::AuditEvent,
        IdSequence::PriceRule,
        IdSequence::BillRun,
        IdSequence::Statement,
        IdSequence::InvoiceFetch,
    ];

    /// Table whose column `id` the sequence fills.
    pub(crate) fn name(self) -> &'static str {
        match self {
            IdSequence::User => "users",
            IdSequence::Customer => "customers",
            IdSequence::AzureTenant => "azure_tenants",
            IdSequence::AuditEvent => "audit_events",
            IdSequence::PriceRule => "price_rules",
            IdSequence::BillRun => "bill_runs",
            IdSequence::Statement => "statements",
            IdSequence::InvoiceFetch => "invoice_fetches",
        }
    }

    /// All sequences as rows of a `VALUES` list.
    pub(crate) fn values() -> String {
        IdSequence::ALL.map(|kind| format!("('{}')", kind.name())).join(", ")
    }
}

/// Statements that create a partner's missing sequences on PostgreSQL.
pub(crate) fn create_sequences(partner: i64) -> String {
    IdSequence::ALL
        .map(|kind| format!("CREATE SEQUENCE IF NOT EXISTS {}_id_{partner};", kind.name()))
        .concat()
}

/// Statement that drops the sequences that all partners shared in an earlier schema, for PostgreSQL.
pub(crate) fn drop_shared_sequences() -> String {
    let names = IdSequence::ALL.map(|kind| format!("{}_id_before", kind.name())).join(", ");
    format!("DROP SEQUENCE IF EXISTS {names}")
}

impl Tx {
    /// Next id of a partner's sequence. On PostgreSQL a rolled-back transaction leaves a gap.
    pub(crate) async fn next_id(&mut self, partner: PartnerId, kind: IdSequence) -> Result<i64, Error> {
        let Conn::Postgres(_) = self.conn else { return self.next_in_row(partner.0, kind.name()).await };
        let sql = format!("SELECT {}", self.next_id_in(kind));
        let id = self.first(&sql, args![partner.0], |row| row.next::<i64>()).await?;
        id.ok_or_else(|| Error::defect("a sequence gave no id"))
    }

    /// SQL expression for the next id of a sequence in a statement whose `$1` is the partner; `NULL` on SQLite, where
    /// [`Tx::next_id`] costs no statement.
    pub(crate) fn next_id_in(&self, kind: IdSequence) -> String {
        match &self.conn {
            Conn::Sqlite(_) => "NULL".to_owned(),
            Conn::Postgres(_) => format!("nextval(('{}_id_' || $1::bigint)::regclass)", kind.name()),
        }
    }

    /// Runs an `INSERT` whose `$1` is the partner and whose last parameter, after those of `args`, is the next id of a
    /// sequence. Returns the id, or `None` if `ON CONFLICT DO NOTHING` skipped the row.
    pub(crate) async fn insert(
        &mut self,
        partner: PartnerId,
        kind: IdSequence,
        sql: &str,
        args: &[Arg<'_>],
    ) -> Result<Option<i64>, Error> {
        if let Conn::Postgres(_) = self.conn {
            let draw = self.next_id_in(kind);
            let sql = format!("{} RETURNING id", sql.replace(&format!("${}", args.len() + 1), &draw));
            return self.first(&sql, args, |row| row.next()).await;
        }
        // Without RETURNING, for which SQLite would create a temporary table.
        let id = self.next_id(partner, kind).await?;
        let args: Vec<Arg<'_>> = args.iter().copied().chain([id.into()]).collect();
        Ok((self.execute(sql, &args).await? == 1).then_some(id))
    }

    /// Id for a new partner.
    pub(crate) async fn next_partner_id(&mut self) -> Result<PartnerId, Error> {
        if let Conn::Sqlite(_) = self.conn {
            return self.next_in_row(SERVER, PARTNERS).await.map(PartnerId);
        }
        let id = self.first("SELECT nextval('partners_id')", &[], |row| row.next::<i64>()).await?;
        id.map(PartnerId).ok_or_else(|| Error::defect("a sequence gave no id"))
    }

    /// Creates the sequences of a partner that this transaction has added.
    pub(crate) async fn start_ids(&mut self, partner: PartnerId) -> Result<(), Error> {
        let Conn::Postgres(client) = &mut self.conn else { return Ok(()) };
        // The role that transactions switch to may use sequences but not create them.
        let (create, names) = (
            create_sequences(partner.0),
            IdSequence::ALL.map(|kind| format!("{}_id_{partner}", kind.name())),
        );
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

    /// Creates missing sequences of up to a hundred partners and returns whether there may be more. PostgreSQL only, as owner.
    pub(crate) async fn start_missing_ids(&mut self) -> Result<bool, Error> {
        let kinds = IdSequence::values();
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

    /// Continues the customer ids of every partner at `next`. For the sandbox, which replays a documented example.
    pub async fn continue_customer_ids(&mut self, next: i64) -> Result<(), Error> {
        if let Conn::Postgres(_) = self.conn {
            let sql = "SELECT setval(('customers_id_' || id)::regclass, GREATEST($1::bigint - 1, 1), $1 > 1) FROM partners";
            return self.execute(sql, args![next]).await.map(drop);
        }
        for partner in self.all("SELECT id FROM partners", &[], |row| row.next::<i64>()).await? {
            self.deferred().ids.insert((partner, IdSequence::Customer.name()), (next - 1, true));
        }
        Ok(())
    }

    /// Continues a partner's ids behind this one, if they have not got so far.
    pub(crate) async fn continue_ids_behind(
        &mut self,
        partner: PartnerId,
        kind: IdSequence,
        id: i64,
    ) -> Result<(), Error> {
        if let Conn::Postgres(_) = self.conn {
            let sequence = format!("{}_id_{partner}", kind.name());
            let sql = format!("SELECT setval('{sequence}', $1) FROM {sequence} WHERE last_value <= $1");
            return self.execute(&sql, args![id]).await.map(drop);
        }
        let last = self.last_in_row(partner.0, kind.name()).await?;
        if last < id {
            self.deferred().ids.insert((partner.0, kind.name()), (id, true));
        }
        Ok(())
    }

    /// The last id that a partner's sequence has given. SQLite only.
    async fn last_in_row(&mut self, partner: i64, kind: &'static str) -> Result<i64, Error> {
        if let Some((last, _)) = self.deferred().ids.get(&(partner, kind)) {
            return Ok(*last);
        }
        let sql = "SELECT last_id FROM id_sequences WHERE partner_id = $1 AND kind = $2";
        let last = self.first(sql, args![partner, kind], |row| row.next::<i64>()).await?.unwrap_or(0);
        self.deferred().ids.insert((partner, kind), (last, false));
        Ok(last)
    }

    async fn next_in_row(&mut self, partner: i64, kind: &'static str) -> Result<i64, Error> {
        self.last_in_row(partner, kind).await?;
        let mut deferred = self.deferred();
        let (last, given) = deferred.ids.entry((partner, kind)).or_default();
        (*last, *given) = (*last + 1, true);
        Ok(*last)
    }

    /// Writes the advanced sequences at the end of a transaction on SQLite.
    pub(crate) async fn flush_ids(&mut self) -> Result<(), Error> {
        let mut given = Vec::new();
        for (of, (last, is_new)) in &mut self.deferred().ids {
            if std::mem::take(is_new) {
                given.push((*of, *last));
            }
        }
        let sql = "INSERT INTO id_sequences (partner_id, kind, last_id) VALUES ($1, $2, $3)
                   ON CONFLICT (partner_id, kind) DO UPDATE SET last_id = excluded.last_id";
        for ((partner, kind), last) in given {
            self.enqueue(sql, args![partner, kind, last]).await?;
        }
        Ok(())
    }
}
