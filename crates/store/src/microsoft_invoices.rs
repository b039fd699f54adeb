//! Microsoft's invoices as Partner Center lists them, and the exports of their lines that were fetched.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// An invoice of Microsoft to a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MicrosoftInvoice {
    /// Its number.
    pub id: String,
    /// Its day; empty where Microsoft does not say.
    pub date: String,
    /// First day that it charges; empty where Microsoft does not say.
    pub period_start: String,
    /// Last day that it charges.
    pub period_end: String,
    /// The month that it charges, such as `2026-10`.
    pub billing_period: String,
    /// Its total with tax, in exact decimal digits.
    pub total_charges: String,
    /// ISO 4217.
    pub currency: String,
    /// As Microsoft writes it.
    pub document_type: String,
    /// As Microsoft writes it.
    pub invoice_type: String,
}

/// A version of an export that is in the partner's sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedExport {
    /// The invoice's number, or `unbilled-USD`.
    pub invoice_id: String,
    /// Month.
    pub billing_period: String,
    /// `reconciliation` or `usage`.
    pub kind: String,
    /// Microsoft's name for the version of the data.
    pub etag: String,
    /// Where it is, as a bill run takes it.
    pub source: String,
    /// Number of files.
    pub blobs: i64,
    /// Their length in bytes.
    pub bytes: i64,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

/// Records the invoices that Partner Center lists.
pub async fn note(
    tx: &mut Tx,
    partner: PartnerId,
    invoices: &[MicrosoftInvoice],
    now: Timestamp,
) -> Result<(), Error> {
    let sql =
        "INSERT INTO microsoft_invoices (partner_id, invoice_id, invoice_date, period_start, period_end,
            billing_period, total_charges, currency, document_type, invoice_type, listed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (partner_id, invoice_id) DO UPDATE SET invoice_date = excluded.invoice_date,
            period_start = excluded.period_start, period_end = excluded.period_end,
            billing_period = excluded.billing_period, total_charges = excluded.total_charges,
            currency = excluded.currency, document_type = excluded.document_type,
            invoice_type = excluded.invoice_type, listed_at = excluded.listed_at";
    for invoice in invoices {
        let row = args![
            partner.0,
            invoice.id.as_str(),
            invoice.date.as_str(),
            invoice.period_start.as_str(),
            invoice.period_end.as_str(),
            invoice.billing_period.as_str(),
            invoice.total_charges.as_str(),
            invoice.currency.as_str(),
            invoice.document_type.as_str(),
            invoice.invoice_type.as_str(),
            now.as_second()
        ];
        tx.execute(sql, row).await?;
    }
    Ok(())
}

/// A partner's invoices, newest first.
pub async fn list(tx: &mut Tx, partner: PartnerId) -> Result<Vec<MicrosoftInvoice>, Error> {
    let sql = "SELECT invoice_id, invoice_date, period_start, period_end, billing_period, total_charges, currency,
            document_type, invoice_type
        FROM microsoft_invoices WHERE partner_id = $1 ORDER BY billing_period DESC, invoice_date DESC, invoice_id DESC";
    tx.all(sql, args![partner.0], read).await
}

/// Records a version of an export.
pub async fn note_export(tx: &mut Tx, partner: PartnerId, export: &FetchedExport) -> Result<(), Error> {
    let sql = "INSERT INTO fetched_exports (partner_id, invoice_id, billing_period, kind, etag, source, blobs, bytes, fetched_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (partner_id, billing_period, invoice_id, kind, etag) DO UPDATE
        SET source = excluded.source, blobs = excluded.blobs, bytes = excluded.bytes, fetched_at = excluded.fetched_at";
    let row = args![
        partner.0,
        export.invoice_id.as_str(),
        export.billing_period.as_str(),
        export.kind.as_str(),
        export.etag.as_str(),
        export.source.as_str(),
        export.blobs,
        export.bytes,
        export.fetched_at.as_second()
    ];
    tx.execute(sql, row).await.map(drop)
}

/// All versions of exports of a partner, newest last.
pub async fn exports(tx: &mut Tx, partner: PartnerId) -> Result<Vec<FetchedExport>, Error> {
    let sql = "SELECT invoice_id, billing_period, kind, etag, source, blobs, bytes, fetched_at
        FROM fetched_exports WHERE partner_id = $1 ORDER BY billing_period, invoice_id, kind, fetched_at, etag";
    tx.all(sql, args![partner.0], |row| {
        Ok(FetchedExport {
            invoice_id: row.next()?,
            billing_period: row.next()?,
            kind: row.next()?,
            etag: row.next()?,
            source: row.next()?,
            blobs: row.next()?,
            bytes: row.next()?,
            fetched_at: row.time()?,
        })
    })
    .await
}

fn read(row: &mut Row<'_>) -> Result<MicrosoftInvoice, Error> {
    Ok(MicrosoftInvoice {
        id: row.next()?,
        date: row.next()?,
        period_start: row.next()?,
        period_end: row.next()?,
        billing_period: row.next()?,
        total_charges: row.next()?,
        currency: row.next()?,
        document_type: row.next()?,
        invoice_type: row.next()?,
    })
}
