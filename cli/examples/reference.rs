//! Writes what is generated from the command line's grammar: docs/cli.md, completions, manual pages.

use std::error::Error;
use std::fs;
use std::path::Path;

use clap_complete::Shell;
use kubeseal::reference;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::write(root.join("../docs/cli.md"), reference::markdown())?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
        let file = root
            .join("completions")
            .join(reference::completion_file(shell));
        fs::write(file, reference::completion(shell))?;
    }
    for (name, page) in reference::manual()? {
        fs::write(root.join("man").join(name), page)?;
    }
    Ok(())
}
