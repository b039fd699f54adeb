//! What makes two lines the same, in whatever file and spelling: so that what is billed already is known again.
//!
//! The same line may come again in a file of another kind (CSV, JSON), with `10.00` for `10`, other shapes of dates, `org:`
//! before the tenant, or its customer renamed. So a line is known by its ids, days and amounts, and not by what it is called.
//! Several may be alike in all of that; then they count, and cost the same.

use crate::amount::{Amount, Decimal};
use crate::columns::Role;
use crate::line::{Line, Values, day};
use crate::row::KEY;

/// The texts by which lines are told apart. An Azure path is written in any case.
const TEXTS: [Role; 8] = [
    Role::SubscriptionId,
    Role::MeterId,
    Role::ProductId,
    Role::SkuId,
    Role::OrderId,
    Role::Invoice,
    Role::ChargeType,
    Role::Resource,
];

/// Where among them the invoice is.
const INVOICE_TEXT: usize = 5;

/// How many bytes tell tenants apart, nearly always.
pub(crate) const TENANT_FINGERPRINT: usize = 4;
/// Where in a key they are.
const TENANT_FINGERPRINT_AT: usize = 20;

/// A tenant's id, as files and customers have it, in lower case and without `org:` or the braces of a GUID.
pub(crate) fn tenant_id(given: &str) -> String {
    let id = given.trim().to_ascii_lowercase();
    let id = id.strip_prefix("org:").unwrap_or(&id).trim();
    let bare = id.strip_prefix('{').and_then(|id| id.strip_suffix('}'));
    bare.unwrap_or(id).trim().to_owned()
}

/// The fingerprint by which a tenant's lines are found in a ledger. `tenant`: its id, as [`tenant_id`] gives it.
pub(crate) fn tenant_fingerprint(tenant: &str) -> [u8; TENANT_FINGERPRINT] {
    let digest = twox_hash::XxHash3_128::oneshot(tenant.as_bytes()).to_be_bytes();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// The tenant fingerprint stored in a line key.
pub(crate) fn tenant_fingerprint_of(key: &[u8; KEY]) -> [u8; TENANT_FINGERPRINT] {
    [
        key[TENANT_FINGERPRINT_AT],
        key[TENANT_FINGERPRINT_AT + 1],
        key[TENANT_FINGERPRINT_AT + 2],
        key[TENANT_FINGERPRINT_AT + 3],
    ]
}

/// What tells invoices apart, nearly always; all zeros for none.
pub(crate) type InvoiceFingerprint = [u8; 2];
/// Where in a key it is.
const INVOICE_AT: usize = TENANT_FINGERPRINT_AT + TENANT_FINGERPRINT;

/// Case-insensitive 16-bit fingerprint of an invoice number; 0 means none.
pub(crate) fn invoice_fingerprint(number: &[u8]) -> InvoiceFingerprint {
    match number.trim_ascii().to_ascii_lowercase() {
        none if none.is_empty() => InvoiceFingerprint::default(),
        number => {
            let digest = twox_hash::XxHash3_128::oneshot(&number).to_be_bytes();
            [digest[0], digest[1] | 1]
        }
    }
}

/// The invoice fingerprint stored in a line key.
pub(crate) fn invoice_fingerprint_of(key: &[u8; KEY]) -> InvoiceFingerprint {
    [key[INVOICE_AT], key[INVOICE_AT + 1]]
}

/// The day of a line, as `yyyymmdd`; 0 for none.
pub(crate) fn day_of(key: &[u8; KEY]) -> u32 {
    u32::from_be_bytes([key[0], key[1], key[2], key[3]])
}

/// Most of a key's digest, which tells lines apart by itself.
pub(crate) fn digest_of(key: &[u8; KEY]) -> u64 {
    key.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// What is kept from one line to the next, to be quicker with it.
#[derive(Default)]
pub(crate) struct Scratch {
    text: Vec<u8>,
    /// The first and last day of the charge as the last line had them: mostly those of the next.
    days: [(Vec<u8>, u32); 2],
    invoice: (Vec<u8>, InvoiceFingerprint),
}

/// The key of a line: day, subscription, meter or product, by which a bill is ordered; the fingerprints of tenant and invoice; and
/// a digest of all that the line is known by. Beside it a digest of all that but the invoice.
pub(crate) fn key(
    line: &Line<'_>,
    values: &Values,
    (tenant, fingerprint): (&str, [u8; TENANT_FINGERPRINT]),
    scratch: &mut Scratch,
) -> ([u8; KEY], u64) {
    let Scratch { text: scratch, days, invoice: (last_number, last_invoice) } = scratch;
    scratch.clear();
    scratch.extend_from_slice(tenant.as_bytes());
    scratch.extend_from_slice(&[0, line.layout.kind as u8]);
    let mut begins = [0; TEXTS.len() + 1];
    for (begin, role) in begins.iter_mut().zip(TEXTS) {
        *begin = scratch.len();
        scratch.extend_from_slice(line.get(role));
        scratch.push(0);
    }
    begins[TEXTS.len()] = scratch.len();
    scratch[begins[0]..].make_ascii_lowercase();

    let mut key = [0; KEY];
    key[..4].copy_from_slice(&values.day.to_be_bytes());
    // The second text is the meter, the third the product.
    let product = if begins[1] + 1 == begins[2] { 2 } else { 1 };
    for (at, text) in [(4, 0), (12, product)] {
        let text = &scratch[begins[text]..begins[text + 1] - 1];
        let length = text.len().min(8);
        key[at..at + length].copy_from_slice(&text[..length]);
    }
    key[TENANT_FINGERPRINT_AT..INVOICE_AT].copy_from_slice(&fingerprint);
    let number = line.get(Role::Invoice);
    if last_number != number {
        number.clone_into(last_number);
        *last_invoice = invoice_fingerprint(number);
    }
    let digest_at = INVOICE_AT + last_invoice.len();
    key[INVOICE_AT..digest_at].copy_from_slice(last_invoice);

    scratch.extend_from_slice(&values.day.to_le_bytes());
    for ((text, last), role) in days.iter_mut().zip([Role::ChargeStart, Role::ChargeEnd]) {
        let cell = line.get(role);
        if text != cell {
            cell.clone_into(text);
            *last = day(cell).unwrap_or_default();
        }
        scratch.extend_from_slice(&last.to_le_bytes());
    }
    for number in [Some(values.cost), values.quantity, values.unit_price] {
        let (attos, rest) = Amount::from(number.unwrap_or(Decimal::default())).parts();
        scratch.extend_from_slice(&attos.to_le_bytes());
        scratch.extend_from_slice(&rest.to_le_bytes());
    }
    scratch.extend_from_slice(values.currency.code().as_bytes());
    let digest = twox_hash::XxHash3_128::oneshot(scratch).to_be_bytes();
    key[digest_at..].copy_from_slice(&digest[..KEY - digest_at]);
    let before = twox_hash::XxHash3_128::oneshot(&scratch[..begins[INVOICE_TEXT]]) as u64;
    let content =
        twox_hash::XxHash3_128::oneshot_with_seed(before, &scratch[begins[INVOICE_TEXT + 1]..]) as u64;
    (key, content)
}

/// What comes before the invoice in a key: the same for lines that differ in their invoice alone.
pub(crate) fn before_invoice(key: &[u8; KEY]) -> &[u8] {
    &key[..INVOICE_AT]
}
