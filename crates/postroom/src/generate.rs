//! `postroom generate`: man pages and completions, for packages.
//!
//! Both are made of clap's definition of the command line, which also parses it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use thiserror::Error;

const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// What the foot of each man page names.
const SOURCE: &str = concat!("postroom ", env!("CARGO_PKG_VERSION"));

/// The command line of `postroom generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArguments {
    /// The folder for the man pages; made if it is missing
    #[arg(long, value_name = "DIR", required_unless_present = "completions")]
    man: Option<PathBuf>,
    /// The folder for the completions of bash, fish and zsh; made if it is missing
    #[arg(long, value_name = "DIR")]
    completions: Option<PathBuf>,
}

/// Why a page or a completion is missing.
#[derive(Debug, Error)]
#[error("cannot write to {}: {cause}", folder.display())]
pub(crate) struct GenerateError {
    folder: PathBuf,
    cause: io::Error,
}

/// Writes a man page for each command, and a completion for each shell.
pub(crate) fn generate(
    arguments: &GenerateArguments,
    definition: &Command,
) -> Result<(), GenerateError> {
    if let Some(folder) = &arguments.man {
        man(definition, folder).map_err(|cause| failure(folder, cause))?;
    }
    if let Some(folder) = &arguments.completions {
        completions(definition, folder).map_err(|cause| failure(folder, cause))?;
    }
    Ok(())
}

fn failure(folder: &Path, cause: io::Error) -> GenerateError {
    GenerateError { folder: folder.to_path_buf(), cause }
}

fn man(definition: &Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // `postroom help send` needs no page of its own.
    let mut definition = definition.clone().disable_help_subcommand(true);
    // The name of a page is that of the whole command, which this makes: postroom-send.
    definition.build();
    pages(definition, folder)
}

/// Writes the page of a command, and those of all below it.
fn pages(command: Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(below.clone(), folder)?;
    }
    Man::new(command).source(SOURCE).manual("Postroom").generate_to(folder)?;
    Ok(())
}

fn completions(definition: &Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let name = definition.get_name();
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut without_hidden(definition), name, folder)?;
    }
    Ok(())
}

/// The command with what completions need of it. They would also offer what is hidden.
fn without_hidden(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let mut shown = Command::new(command.get_name().to_owned())
        .args(arguments.map(without_relations))
        .subcommands(commands.map(without_hidden));
    if let Some(about) = command.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        shown = shown.version(version.to_owned());
    }
    shown
}

/// The argument without its relations to others, which may be to hidden ones.
fn without_relations(argument: &Arg) -> Arg {
    let mut alone = Arg::new(argument.get_id().clone())
        .short(argument.get_short())
        .action(argument.get_action().clone())
        .value_parser(argument.get_value_parser().clone())
        .value_hint(argument.get_value_hint())
        .global(argument.is_global_set());
    if let Some(long) = argument.get_long() {
        alone = alone.long(long.to_owned());
    }
    if let Some(help) = argument.get_help() {
        alone = alone.help(help.clone());
    }
    if let Some(names) = argument.get_value_names() {
        alone = alone.value_names(names.to_vec());
    }
    alone
}
