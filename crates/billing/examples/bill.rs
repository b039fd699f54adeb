//! Bills a file of `generate` as the benches do, and says how long it took.
//!
//!     cargo run --release -p tenantry-billing --example bill -- FILE OUT CUSTOMERS [THREADS] [dry]

use std::path::PathBuf;
use tenantry_billing as billing;
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let _ = (arguments, PathBuf::new(), billing::Amount::ZERO);
}
