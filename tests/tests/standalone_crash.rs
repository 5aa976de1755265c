//! kill -9 at random moments while manifests change: every Secret that can be seen is whole, and
//! after a restart every Secret is the one that its manifest describes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::standalone::Standalone;
use sealed_secrets_tests::{TestError, TestResult, claim, runner};

/// Kills; the pauses before them are spread evenly over the time that a change takes to arrive.
const KILLS: u64 = 100;
const OBJECTS: usize = 4;

fn main() -> ExitCode {
    runner::run([claim!(
        hundred_kills_leave_nothing_torn_missing_or_stale,
        Controller,
        Kubeseal
    )
    .within(Duration::from_secs(900))])
}

/// Items of one version: every value names the version, so that a mix of two shows.
fn items(version: usize) -> Vec<(String, String)> {
    let mut items = vec![
        ("a".to_owned(), format!("v{version}")),
        ("b".to_owned(), format!("v{version}").repeat(4000)),
    ];
    // Items come and go between versions.
    items.push((format!("only-{}", version % 3), format!("v{version}")));
    items
}

async fn hundred_kills_leave_nothing_torn_missing_or_stale(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller-0", context.folder()).await?;
    let mut sealed = Vec::new();
    for object in 0..OBJECTS {
        let mut versions = Vec::new();
        for version in 0..6 {
            let items = items(version);
            let items: Vec<(&str, &str)> = items
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect();
            versions.push(standalone.seal(&format!("object-{object}"), &items).await?);
        }
        sealed.push(versions);
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for kill in 1..=KILLS {
        // What each manifest holds from now on; `None` is no manifest.
        let mut wanted = BTreeMap::new();
        for (object, versions) in sealed.iter().enumerate() {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(kill);
            let choice = usize::try_from(random >> 33)? % (versions.len() + 1);
            let file = format!("object-{object}.yaml");
            match versions.get(choice) {
                Some(text) => standalone.put(&file, text)?,
                None => match fs::remove_file(standalone.manifests.join(&file)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error.into());
                    }
                    _ => {}
                },
            }
            wanted.insert(object, (choice < versions.len()).then_some(choice));
        }
        // Not a wait for anything: the moment of the kill is the random variable of this test.
        tokio::time::sleep(Duration::from_micros((random >> 20) % 250_000)).await;
        controller.kill().await?;
        for object in 0..OBJECTS {
            whole(&standalone.out.join(format!("default/object-{object}")))?;
        }
        controller = standalone
            .start(&format!("controller-{kill}"), context.folder())
            .await?;
        eventually(
            &format!("everything as wanted after kill {kill}"),
            DEADLINE,
            async || {
                for (object, version) in &wanted {
                    let folder = standalone.out.join(format!("default/object-{object}"));
                    if seen(&folder)? != version.map(|version| items(version).into_iter().collect())
                    {
                        return Ok(None);
                    }
                    // Nothing of earlier versions or interrupted writes is left.
                    if folder.exists() && hidden(&folder)? != HIDDEN {
                        return Ok(None);
                    }
                }
                Ok(Some(()))
            },
            async || format!("wanted {wanted:?}, status {:?}", standalone.status()),
        )
        .await?;
    }
    println!("{KILLS} kills, nothing torn, missing or stale");
    Ok(())
}

/// The names that belong to the layout: `..data`, what it leads to, and the marker.
const HIDDEN: usize = 3;

fn hidden(folder: &Path) -> Result<usize, TestError> {
    let names: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    Ok(names
        .iter()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".."))
        .count())
}

/// What a reader finds in the folder: names and contents, `None` when there is no folder.
fn seen(folder: &Path) -> Result<Option<BTreeMap<String, String>>, TestError> {
    if !folder.exists() {
        return Ok(None);
    }
    let mut items = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") {
            items.insert(name.clone(), fs::read_to_string(folder.join(name))?);
        }
    }
    Ok(Some(items))
}

/// The version that counts is exactly one of those that were ever written.
fn whole(folder: &Path) -> TestResult {
    let data = folder.join("..data");
    let mut found = BTreeMap::new();
    match fs::read_dir(&data) {
        // A Secret appears with everything in it, so without one there is nothing to tear.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !folder.exists() => {
            return Ok(());
        }
        Err(error) => return Err(format!("{}: {error}", data.display()).into()),
        Ok(entries) => {
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(entry.path())?);
            }
        }
    }
    let version = (0..6).find(|version| found == items(*version).into_iter().collect());
    let version =
        version.ok_or_else(|| format!("torn: {:?} in {}", found.keys(), folder.display()))?;
    // Every item of the version is there for who looks by its usual name.
    for (item, value) in items(version) {
        assert_eq!(
            fs::read_to_string(folder.join(&item))?,
            value,
            "{item} in {}",
            folder.display()
        );
    }
    Ok(())
}
