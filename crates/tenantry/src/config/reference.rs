//! The page `docs/configuration.md`, made from the options of `serve`.

use super::options::Setting;
use std::fmt::Write;

const HEAD: &str = "\
# Configuration

<!-- `tenantry config reference` makes this page from the code. -->

Every setting has three names: an option of the command line, an environment variable, and a key in the file
`tenantry.toml`. What comes first counts: the option, the variable, the file, the default.

```toml
[storage]
database = \"postgres://tenantry@db1,db2/tenantry\"

[network]
listen = [\"127.0.0.1:8080\", \"unix:/run/tenantry/api.sock\"]
trusted-proxies = \"10.0.0.0/8\"
```

The file is the one that `--config` or `TENANTRY_CONFIG` names, else `tenantry.toml` in the current folder, else
`/etc/tenantry/tenantry.toml`; `TENANTRY_CONFIG=none` is none. A key that is unknown, or a value that cannot be taken, is refused with its line and column, and with the
key that was meant. Commands that work on the database read the same file.

| command | what it does |
| --- | --- |
| `tenantry config check` | reads everything as `serve` would, and says all that is wrong |
| `tenantry config show` | shows each value and where it is from; secrets are not shown |
| `tenantry config reference` | prints this page |

## Secrets

Everybody on a machine can read command lines, and many things read the environment. Each variable that holds a secret,
`TENANTRY_DATABASE`, `TENANTRY_BOOTSTRAP_KEY`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AZURE_STORAGE_ACCOUNT_KEY` and
`AZURE_CLIENT_SECRET`, can be a file instead:

- a variable with `_FILE` at its end names the file: `TENANTRY_DATABASE_FILE=/run/secrets/database`;
- a credential of systemd has the variable's name: `LoadCredential=TENANTRY_DATABASE:/etc/tenantry/database`;
- in `tenantry.toml`, `database-file` names the file that holds the URL of the database.

The secret key is in a file anyhow (`--secret-key-file`); a credential `TENANTRY_SECRET_KEY` is one too.

## Changing it while the server runs

SIGHUP (`systemctl reload tenantry`) reads everything again. The level of the log, the rates and numbers of requests at the same
time in `[limits]`, and TLS certificates count at once. Of everything else that has changed the log says that it needs a restart. A
configuration that is wrong changes nothing, and the log says why.
";

/// The page.
pub(super) fn page(settings: &[Setting]) -> String {
    let mut page = HEAD.to_owned();
    let mut section = "";
    for setting in settings.iter().filter(|setting| !setting.arg().is_hide_set()) {
        if setting.section != section {
            section = &setting.section;
            let _ = write!(
                page,
                "\n## `[{section}]`\n\n| key | variable | default | what |\n| --- | --- | --- | --- |\n"
            );
        }
        let arg = setting.arg();
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = match defaults.join(",") {
            _ if setting.is_switch() => "false".to_owned(),
            none if none.is_empty() => "–".to_owned(),
            default => format!("`{default}`"),
        };
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        let value = arg.get_value_names().filter(|_| !setting.is_switch()).and_then(|names| names.first());
        let value = value.map_or(String::new(), |name| format!(" = {name}"));
        let list = if setting.is_list() { " A list." } else { "" };
        let _ = writeln!(
            page,
            "| `{}{value}` | `{}` | {default} | {help}{list} |",
            setting.key, setting.variable
        );
    }
    page.trim_end().to_owned()
}
