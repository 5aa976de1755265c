use super::seen::tests::seen;
use super::*;
use sealed_secrets_core::keyring::KeyOrder;

fn key() -> ObjectKey {
    ("shop".to_owned(), "db".to_owned())
}

fn keyring() -> Arc<Keyring> {
    Arc::new(Keyring::new(KeyOrder::CertNotBefore))
}

fn synced(version: &str, written: bool) -> Conclusion {
    Conclusion::Synced {
        version: Some(version.to_owned()),
        written,
    }
}

#[test]
fn a_settled_object_costs_nothing_and_a_change_counts_at_once() {
    let (memory, keyring, now) = (Memory::default(), keyring(), Instant::now());
    assert_eq!(
        memory.verdict(&key(), &seen(None), &keyring, now),
        Verdict::Reconcile
    );
    memory.conclude(&key(), seen(Some("5")), None, synced("5", false), now);
    assert_eq!(
        memory.verdict(&key(), &seen(Some("5")), &keyring, now),
        Verdict::Nothing
    );
    assert_eq!(
        memory.verdict(&key(), &seen(Some("6")), &keyring, now),
        Verdict::Reconcile
    );
    assert_eq!(
        memory.verdict(&key(), &seen(None), &keyring, now),
        Verdict::Reconcile
    );
}

#[test]
fn our_own_write_is_waited_for_but_not_for_ever() {
    let (memory, keyring, now) = (Memory::default(), keyring(), Instant::now());
    memory.conclude(&key(), seen(None), None, synced("5", true), now);
    assert!(matches!(
        memory.verdict(&key(), &seen(None), &keyring, now),
        Verdict::Later(_)
    ));
    let later = now + WATCH_DELAY;
    assert_eq!(
        memory.verdict(&key(), &seen(None), &keyring, later),
        Verdict::Reconcile
    );
    assert_eq!(
        memory.verdict(&key(), &seen(Some("5")), &keyring, now),
        Verdict::Nothing
    );
}

#[test]
fn a_quarrel_over_a_secret_slows_down() {
    let (memory, keyring, mut now) = (Memory::default(), keyring(), Instant::now());
    memory.conclude(&key(), seen(Some("0")), None, synced("0", false), now);
    let mut pauses = Vec::new();
    for version in 1..6 {
        let theirs = seen(Some(&format!("{version}-theirs")));
        if let Verdict::Later(pause) = memory.verdict(&key(), &theirs, &keyring, now) {
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(
            memory.verdict(&key(), &theirs, &keyring, now),
            Verdict::Reconcile
        );
        memory.conclude(
            &key(),
            theirs,
            None,
            synced(&version.to_string(), true),
            now,
        );
    }
    assert_eq!(pauses, [1, 2, 4, 8]);
}

#[test]
fn a_permanent_failure_waits_for_the_keys_and_a_transient_one_for_its_time() {
    let (memory, keyring, now) = (Memory::default(), keyring(), Instant::now());
    memory.conclude(
        &key(),
        seen(None),
        None,
        Conclusion::Stalled(Some(Arc::clone(&keyring))),
        now,
    );
    assert_eq!(
        memory.verdict(&key(), &seen(None), &keyring, now),
        Verdict::Nothing
    );
    let other = Arc::new(Keyring::new(KeyOrder::CertNotBefore));
    assert_eq!(
        memory.verdict(&key(), &seen(None), &other, now),
        Verdict::Reconcile
    );

    // Where no key helps, only a change does.
    memory.conclude(&key(), seen(None), None, Conclusion::Stalled(None), now);
    assert_eq!(
        memory.verdict(&key(), &seen(None), &other, now),
        Verdict::Nothing
    );
    let mut changed = seen(None);
    changed.generation = Some(2);
    for change in [changed, seen(Some("6"))] {
        assert_eq!(
            memory.verdict(&key(), &change, &keyring, now),
            Verdict::Reconcile
        );
    }

    let first = memory
        .conclude(&key(), seen(None), None, Conclusion::Retrying, now)
        .unwrap();
    assert!(matches!(
        memory.verdict(&key(), &seen(None), &keyring, now),
        Verdict::Later(_)
    ));
    assert_eq!(
        memory.verdict(&key(), &seen(None), &keyring, now + first),
        Verdict::Reconcile
    );
    let second = memory
        .conclude(&key(), seen(None), None, Conclusion::Retrying, now)
        .unwrap();
    assert!(second > first, "{first:?} {second:?}");
}

#[test]
fn a_status_of_ours_that_the_watch_has_yet_to_show_is_no_change() {
    let (memory, keyring, now) = (Memory::default(), keyring(), Instant::now());
    let stored = SealedSecretStatus {
        observed_generation: Some(1),
        ..SealedSecretStatus::default()
    };
    let stored = Some(stored);
    memory.conclude(&key(), seen(None), stored.as_ref(), synced("5", true), now);
    let shown = seen(Some("5"));
    assert!(matches!(
        memory.verdict(&key(), &shown, &keyring, now),
        Verdict::Later(_)
    ));
    let later = now + WATCH_DELAY;
    assert_eq!(
        memory.verdict(&key(), &shown, &keyring, later),
        Verdict::Reconcile
    );
    let mut caught_up = shown;
    caught_up.status = stored.as_ref().map(StatusDigest::of);
    assert_eq!(
        memory.verdict(&key(), &caught_up, &keyring, now),
        Verdict::Nothing
    );
}
