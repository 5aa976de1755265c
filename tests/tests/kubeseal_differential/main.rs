//! Claims about our `kubeseal` beside the Go one: the same command lines and documents, the same
//! values, metadata and success; but for the differences that docs/compatibility.md lists.

mod cases;
mod generated;
mod pair;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::installation::Installation;
use sealed_secrets_tests::process::{Outcome, Program};
use sealed_secrets_tests::sealed::secret_manifest;
use sealed_secrets_tests::{TestError, TestResult, claim, runner};

use cases::Case;
use generated::Random;
use pair::{Observed, Pair, Run};

/// Runs at once.
const AT_ONCE: usize = 4;

/// Documents made at random.
const DOCUMENTS: u64 = 300;

fn main() -> ExitCode {
    runner::run([
        claim!(documents_of_any_kind_are_sealed_alike, GoTools, Kubeseal),
        claim!(modes_and_flags_do_the_same, GoTools, Kubeseal),
        claim!(
            the_controller_is_asked_alike,
            GoTools,
            Kubeseal,
            ControlPlane,
            Controller
        ),
        claim!(every_difference_is_documented_and_shown),
    ])
}

async fn documents_of_any_kind_are_sealed_alike(context: Context) -> TestResult {
    let pair = Pair::new(&context)?;
    let mut random = Random::new(20_260_101);
    let runs: Vec<(String, Run)> = (0..DOCUMENTS)
        .map(|number| generated(&mut random, number))
        .collect();
    let wrong = differing(&pair, runs).await?;
    let mut succeeded = 0;
    let mut report = String::new();
    for (name, ours, go, said) in wrong {
        if ours == go {
            succeeded += usize::from(matches!(ours, Observed::Done(_)));
        } else {
            report += &told(name.as_str(), &ours, &go, &said);
        }
    }
    assert!(report.is_empty(), "{report}");
    assert!(succeeded >= 200, "only {succeeded} documents were sealed");
    Ok(())
}

fn told(name: &str, ours: &Observed, go: &Observed, said: &str) -> String {
    format!("--- {name}\nours: {ours}\nGo:   {go}\n{said}\n")
}

/// One Secret, and flags for it.
fn generated(random: &mut Random, number: u64) -> (String, Run) {
    let name = format!("secret-{number}");
    let document = match random.below(3) {
        0 => generated::json(random, &name),
        _ => generated::yaml(random, &name),
    };
    let format = random.one_of(&["-ojson", "-oyaml"]);
    let scope = random.one_of(&[
        "--scope=strict",
        "--scope=namespace-wide",
        "--scope=cluster-wide",
        "--scope=",
    ]);
    let run = Run {
        args: ["--cert", "cert.pem", format, scope, "-n", "shop"]
            .map(str::to_owned)
            .to_vec(),
        input: document.clone().into_bytes(),
        ..Run::default()
    };
    (format!("{:?}\n{document}", run.args), run)
}

type Compared = (String, Observed, Observed, String);

async fn differing(pair: &Pair, runs: Vec<(String, Run)>) -> Result<Vec<Compared>, TestError> {
    stream::iter(runs)
        .map(|(name, run)| async move {
            let (ours, go, said) = pair.run(&run).await?;
            Ok((name, ours, go, said))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

async fn modes_and_flags_do_the_same(context: Context) -> TestResult {
    let pair = Pair::new(&context)?;
    let cases = cases::all();
    let runs = cases
        .iter()
        .map(|case| (case.name.to_owned(), case.run.clone()))
        .collect();
    let mut report = String::new();
    for (case, (name, ours, go, said)) in cases.iter().zip(differing(&pair, runs).await?) {
        match case.difference {
            None if ours != go => {
                report += &told(name.as_str(), &ours, &go, &said);
            }
            Some(id) if ours == go => {
                report += &format!("--- {name}: no longer shows {id}: {ours:?}\n");
            }
            _ => {}
        }
    }
    assert!(report.is_empty(), "{report}");
    Ok(())
}

/// Each tool's SealedSecrets go to the other's requests, through a real API server.
async fn the_controller_is_asked_alike(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let _controller = installation
        .start(&context, "controller", &["--rate-limit=0"])
        .await?;
    let kubeconfig = control_plane.kubeconfig();
    let tools = [context.kubeseal()?, context.go_kubeseal()?]
        .map(|tool| tool.env("KUBECONFIG", kubeconfig));
    let certificates = each(&tools, &["--fetch-cert"], "").await?;
    let [ours, go] = &certificates;
    assert_eq!((ours.code, &ours.stdout), (go.code, &go.stdout));

    let secret = secret_manifest("shop", "db", &[("password", "opensesame")]);
    for scope in ["strict", "namespace-wide", "cluster-wide"] {
        let sealed = each(&tools, &["--scope", scope], &secret).await?;
        for by in &sealed {
            assert_eq!(by.code, Some(0), "{by}");
            let text = by.stdout();
            let moved = text.replace("\"db\"", "\"moved\"");
            let broken = text.replace("\"password\": \"A", "\"password\": \"B");
            assert_ne!(broken, text);
            for (input, valid) in [
                (text.as_str(), true),
                (&moved, scope != "strict"),
                (&broken, false),
                ("kind: [", false),
                (&secret, false),
            ] {
                for mode in ["--validate", "--re-encrypt"] {
                    let answers = each(&tools, &[mode], input).await?;
                    let codes = answers.each_ref().map(|answer| answer.code == Some(0));
                    let known = nothing_to_ask(input, &secret);
                    assert!(
                        codes == [valid; 2] || known && codes == [false, true],
                        "{mode} {scope}: {codes:?} for {input}\n{}\n{}",
                        answers[0],
                        answers[1]
                    );
                }
            }
        }
    }
    for args in [
        &["--controller-name=other", "--fetch-cert"][..],
        &["--controller-namespace=other", "--fetch-cert"],
        &["--context=gone", "--fetch-cert"],
        &["--as=nobody", "--fetch-cert"],
        &["--request-timeout=10s", "--fetch-cert"],
    ] {
        let [ours, go] = each(&tools, args, "").await?;
        assert_eq!(
            (ours.code == Some(0), ours.stdout()),
            (go.code == Some(0), go.stdout()),
            "{args:?}: {ours}\n{go}"
        );
    }
    Ok(())
}

/// Whether this is where the tools differ: what isn't a SealedSecret can't be valid.
fn nothing_to_ask(input: &str, secret: &str) -> bool {
    input == "kind: [" || input == secret
}

async fn each(tools: &[Program; 2], args: &[&str], input: &str) -> Result<[Outcome; 2], TestError> {
    let [ours, go] = tools.clone().map(|tool| tool.args(args).input(input).run());
    Ok([ours.await?, go.await?])
}

/// The first cells of the table below `## kubeseal`.
fn documented() -> Result<BTreeSet<String>, TestError> {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md"))?;
    let (_, section) = text
        .split_once("\n## kubeseal\n")
        .ok_or("no section about kubeseal")?;
    Ok(section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once("` | "))
        .map(|(id, _)| id.to_owned())
        .collect())
}

async fn every_difference_is_documented_and_shown(_: Context) -> TestResult {
    let mut shown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Case {
        name, difference, ..
    } in &cases::all()
    {
        if let Some(id) = difference {
            shown.entry(id).or_default().push(name);
        }
    }
    for (id, file, text) in cases::SHOWN_ELSEWHERE {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let content = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        assert!(content.contains(text), "{file} is to show {id}: {text:?}");
        shown.entry(id).or_default().push(file);
    }
    let shown: BTreeSet<String> = shown.into_keys().map(str::to_owned).collect();
    assert_eq!(documented()?, shown, "docs/compatibility.md and the tests");
    Ok(())
}
