//! Help, completions and manual pages.

use super::Desk;
use crate::support::Failures;
use std::path::Path;

/// Commands that work over HTTP. Each one's help has examples and exit statuses.
const REMOTE: [&str; 16] = [
    "login",
    "logout",
    "whoami",
    "customers",
    "tags",
    "users",
    "sign-in-providers",
    "branding",
    "tenants",
    "statements",
    "bill-runs",
    "invoices",
    "billing-automation",
    "profit",
    "price-rules",
    "audit",
];

#[test]
fn every_command_has_a_manual_page_and_those_over_http_have_examples() {
    let desk = Desk::new();
    desk.ok(&["manual", "pages", "man"]);
    let pages: Vec<String> = names(&desk.folder().join("man"));
    let mut failures = Failures::default();
    for page in &pages {
        let text = desk.read(&format!("man/{page}"));
        let command = page.trim_end_matches(".1");
        let words = command.strip_prefix("tenantry-").unwrap_or_default();
        let is_remote = REMOTE.iter().any(|name| words == *name || words.starts_with(&format!("{name}-")));
        // What only leads to other commands has none.
        let is_leaf = !pages.iter().any(|other| other.starts_with(&format!("{command}-")));
        let lacks = [".SH NAME", ".SH SYNOPSIS"]
            .into_iter()
            .chain(["Examples:", "Exit status:", "tenantry "].into_iter().filter(|_| is_remote && is_leaf));
        let lacks: Vec<&str> = lacks.filter(|part| !text.contains(part)).collect();
        let ok = if lacks.is_empty() { Ok(()) } else { Err(format!("lacks {lacks:?}")) };
        failures.case(command, ok);
    }
    failures.done(60);
    for page in
        ["tenantry.1", "tenantry-customers-create.1", "tenantry-admin-user-create.1", "tenantry-serve.1"]
    {
        assert!(pages.contains(&page.to_owned()), "{page} is not in {pages:?}");
    }
    for hidden in ["tenantry-user.1", "tenantry-manual.1", "tenantry-audit-verify.1"] {
        assert!(!pages.contains(&hidden.to_owned()), "{hidden}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn help_shows_what_is_for_everybody_and_old_names_still_work() {
    let desk = Desk::new();
    let help = desk.ok(&["--help"]);
    for (word, is_shown) in [
        ("\n  customers ", true),
        ("\n  admin ", true),
        ("\n  serve ", true),
        ("tenantry login https://", true),
        ("TENANTRY_LOG_FORMAT", true),
        ("\n  user ", false),
        ("\n  price-rule ", false),
        ("\n  manual ", false),
        ("\n  backup ", false),
    ] {
        assert_eq!(help.contains(word), is_shown, "{word}: {help}");
    }
    let audit = desk.ok(&["audit", "--help"]);
    assert!(audit.contains("\n  list ") && !audit.contains("\n  verify "), "{audit}");
    for args in [
        &["user", "create"][..],
        &["admin", "user", "create"],
        &["audit", "verify"],
        &["admin", "audit", "verify"],
        &["backup"],
        &["admin", "backup"],
    ] {
        let help = desk.ok(&[args, &["--help"]].concat());
        assert!(help.contains("--database"), "{args:?}: {help}");
    }
}

#[test]
fn shells_complete_commands() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = desk.ok(&["manual", "completions", shell]);
        assert!(script.contains("bill-runs") && script.contains("--dry-run") || shell == "fish", "{shell}");
        assert!(script.contains("price-rules"), "{shell}");
    }
}
