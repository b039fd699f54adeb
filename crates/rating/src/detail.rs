//! Usage that a reconciliation has already. Microsoft's reconciliation has all of an invoice, usage as sums; the daily rated
//! usage is the detail of these, and the two have products, SKUs and meters in common (Microsoft Learn, Partner Center, "Use
//! the reconciliation files"). Both in one run would bill Azure twice, and no line is in both.

use crate::columns::{Kind, Role};
use crate::failure::{Failure, Fault};
use crate::line::Line;
use crate::render::text;
use crate::source::{Member, fault};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A tenant's product and SKU on an invoice, as a digest: only products are many.
type Product = u64;

/// What one thread has seen of products, by kind of file.
#[derive(Default)]
pub(crate) struct Details {
    /// Those of usage.
    by_day: HashSet<Product>,
    /// Those of reconciliations, by file: under which name, in how many lines. There they are few.
    in_sum: HashMap<(Product, usize), (String, u64)>,
    text: Vec<u8>,
    /// The last that usage had: those of a tenant often follow each other.
    last: Product,
}

impl Details {
    /// Whether there can be files of both kinds: the parts of an export are of one.
    pub(crate) fn can_tell(members: &[Member]) -> bool {
        let [first, others @ ..] = members else { return false };
        others.iter().any(|other| !other.is_part || other.source != first.source)
    }

    /// Takes note of a line of a tenant.
    pub(crate) fn see(&mut self, line: &Line<'_>, tenant: &str, member: usize) {
        let [invoice, product, sku] =
            [Role::Invoice, Role::ProductId, Role::SkuId].map(|role| line.get(role));
        if product.is_empty() {
            return;
        }
        self.text.clear();
        for part in [tenant.as_bytes(), invoice, product, sku] {
            self.text.extend_from_slice(part);
            self.text.push(0);
        }
        self.text.make_ascii_lowercase();
        let seen = twox_hash::XxHash3_128::oneshot(&self.text) as Product;
        match line.layout.kind {
            Kind::Usage if self.last == seen => {}
            Kind::Usage => {
                self.last = seen;
                self.by_day.insert(seen);
            }
            Kind::Reconciliation => {
                let name = || format!("{} (SKU {}) on invoice {}", text(product), text(sku), text(invoice));
                self.in_sum.entry((seen, member)).or_insert_with(|| (name(), 0)).1 += 1;
            }
        }
    }

    /// Looks whether anything is there twice, when all threads have seen their lines.
    ///
    /// # Errors
    /// The products of reconciliations that the usage has too.
    pub(crate) fn judge(members: &[Member], threads: &[&Details]) -> Result<(), Failure> {
        let mut found: BTreeMap<(usize, &str), u64> = BTreeMap::new();
        for ((product, member), (name, lines)) in threads.iter().flat_map(|details| &details.in_sum) {
            if threads.iter().any(|details| details.by_day.contains(product)) {
                *found.entry((*member, name)).or_default() += lines;
            }
        }
        let said = found.into_iter().map(|((member, name), lines)| {
            let message = format!(
                "{lines} of its lines are sums of usage that another file has by day: product {name}. The reconciliation \
                 has all of an invoice: leave the daily usage out, or take these lines out of the reconciliation"
            );
            fault(&members[member].name, message)
        });
        let faults: Vec<Fault> = said.take(Failure::LIMIT).collect();
        if faults.is_empty() { Ok(()) } else { Err(Failure::Faults(faults)) }
    }
}
