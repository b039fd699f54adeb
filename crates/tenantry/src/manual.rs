//! `tenantry manual …`: what packages ship beside the binary, made from the command line itself.

use anyhow::Context;
use clap::{Command, Subcommand};
use clap_complete::Shell;
use std::path::{Path, PathBuf};

/// Make completions for shells, and manual pages.
#[derive(Subcommand)]
pub(crate) enum ManualCommand {
    /// Print completions, such as for ~/.local/share/bash-completion/completions/tenantry.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write a manual page of every command into a folder.
    Pages {
        /// The folder; made if it is not there.
        folder: PathBuf,
    },
}

pub(crate) fn run(command: &ManualCommand, mut cli: Command) -> anyhow::Result<()> {
    match command {
        ManualCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut cli, "tenantry", &mut script);
            crate::output::print_bytes(&script);
            Ok(())
        }
        ManualCommand::Pages { folder } => {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            cli.build();
            page(&cli, folder, "tenantry").with_context(|| format!("cannot write into {}", folder.display()))
        }
    }
}

fn page(command: &Command, folder: &Path, name: &str) -> std::io::Result<()> {
    let mut text = Vec::new();
    let named = command.clone().display_name(name.to_owned());
    clap_mangen::Man::new(named).title(name.to_uppercase()).render(&mut text)?;
    std::fs::write(folder.join(format!("{name}.1")), text)?;
    for subcommand in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        page(subcommand, folder, &format!("{name}-{}", subcommand.get_name()))?;
    }
    Ok(())
}
