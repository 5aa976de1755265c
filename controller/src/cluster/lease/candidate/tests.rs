//! Claims about one candidate, answer by answer.

use super::*;

/// A candidate, and the moments that it lives through, in milliseconds.
struct Stage {
    candidate: Candidate,
    start: Instant,
}

fn stage() -> Stage {
    Stage {
        candidate: Candidate::new("ours".to_owned()),
        start: Instant::now(),
    }
}

impl Stage {
    fn at(&self, milliseconds: u64) -> Instant {
        self.start + Duration::from_millis(milliseconds)
    }

    /// An answer 10 ms after its request; returns when the next one is sent.
    fn hear(&mut self, answer: Answer, at: u64) -> u64 {
        let (began, now) = (self.at(at), self.at(at + 10));
        let due = self.candidate.answered(answer, began, now, 0.0);
        u64::try_from((due - self.start).as_millis()).unwrap()
    }

    fn leads(&self, at: u64) -> bool {
        self.candidate.tenure().holds(self.at(at))
    }

    fn request(&self) -> Request {
        self.candidate.request(Timestamp::UNIX_EPOCH)
    }

    /// As if this request was carried out.
    fn done(&mut self, version: &str, at: u64) -> u64 {
        let (Request::Create(mut lease) | Request::Replace(mut lease)) = self.request() else {
            panic!("not a write");
        };
        lease.metadata.resource_version = Some(version.to_owned());
        self.hear(Answer::Found(Box::new(lease)), at)
    }
}

fn held_by(holder: Option<&str>, version: &str) -> Answer {
    let mut lease = Lease::default();
    lease.metadata.resource_version = Some(version.to_owned());
    lease.spec = Some(LeaseSpec {
        holder_identity: holder.map(str::to_owned),
        lease_duration_seconds: Some(12),
        lease_transitions: Some(4),
        ..LeaseSpec::default()
    });
    Answer::Found(Box::new(lease))
}

#[test]
fn a_lease_that_is_not_there_is_made_and_renewed() {
    let mut stage = stage();
    assert_eq!(stage.request(), Request::Look);
    assert_eq!(stage.hear(Answer::Absent, 0), 10);
    assert!(!stage.candidate.is_decided() && !stage.leads(10));
    assert!(matches!(stage.request(), Request::Create(_)));
    assert_eq!(stage.done("1", 20), 2020);
    // From before the request was sent.
    assert!(stage.leads(8019) && !stage.leads(8020));
    let Request::Replace(lease) = stage.request() else {
        panic!("not renewed");
    };
    assert_eq!(lease.metadata.resource_version.as_deref(), Some("1"));
    stage.done("2", 2020);
    assert!(stage.leads(10_019));
    assert_eq!(stage.candidate.holder(), Some("ours"));
}

#[test]
fn a_free_lease_and_our_own_are_taken_at_once() {
    for (holder, transitions) in [(None, 5), (Some(""), 5), (Some("ours"), 4)] {
        let mut stage = stage();
        assert_eq!(stage.hear(held_by(holder, "7"), 0), 10);
        let Request::Replace(lease) = stage.request() else {
            panic!("not taken");
        };
        assert_eq!(lease.metadata.resource_version.as_deref(), Some("7"));
        let spec = lease.spec.unwrap();
        assert_eq!(spec.holder_identity.as_deref(), Some("ours"));
        assert_eq!(spec.lease_transitions, Some(transitions));
    }
}

#[test]
fn anothers_lease_is_taken_once_it_has_stood_still() {
    let mut stage = stage();
    assert_eq!(stage.hear(held_by(Some("theirs"), "1"), 0), 1000);
    assert!(stage.candidate.is_decided());
    assert_eq!(stage.hear(held_by(Some("theirs"), "2"), 2000), 3000);
    // Its duration counts from when version 2 was first seen.
    assert_eq!(stage.hear(held_by(Some("theirs"), "2"), 13_500), 14_010);
    assert_eq!(stage.request(), Request::Look);
    assert_eq!(stage.hear(held_by(Some("theirs"), "2"), 14_010), 14_020);
    assert!(matches!(stage.request(), Request::Replace(_)));
    assert!(!stage.leads(14_020));
    // Somebody else was quicker.
    assert_eq!(stage.hear(Answer::Conflict, 14_020), 14_030);
    assert_eq!(stage.hear(held_by(Some("third"), "3"), 14_030), 15_030);
    assert!(!stage.leads(14_040));
    assert_eq!(stage.candidate.holder(), Some("third"));
}

#[test]
fn a_holder_that_cannot_renew_stops_and_goes_on_when_it_can() {
    let mut stage = stage();
    stage.hear(held_by(None, "1"), 0);
    stage.done("2", 10);
    for at in [2000, 4000, 6000] {
        // What is refused meanwhile is a failure like any other.
        stage.hear(
            if at == 4000 {
                Answer::Refused
            } else {
                Answer::Failed
            },
            at,
        );
        assert!(stage.leads(at) && matches!(stage.request(), Request::Replace(_)));
    }
    assert!(!stage.leads(8010));
    stage.hear(Answer::Failed, 8010);
    assert_eq!(stage.request(), Request::Look);
    stage.hear(held_by(Some("ours"), "2"), 10_000);
    assert!(!stage.leads(10_010));
    stage.done("3", 10_010);
    assert!(stage.leads(10_020));
}

#[test]
fn an_answer_that_comes_too_late_is_worth_nothing() {
    let mut stage = stage();
    stage.hear(held_by(None, "1"), 0);
    let (began, woken) = (stage.at(10), stage.at(60_000));
    let Request::Replace(lease) = stage.request() else {
        panic!("not taken");
    };
    let answer = Answer::Found(Box::new(lease));
    stage.candidate.answered(answer, began, woken, 0.0);
    assert!(!stage.leads(60_000));
}

#[test]
fn who_sees_another_holder_stops_at_once() {
    let mut stage = stage();
    stage.hear(held_by(None, "1"), 0);
    stage.done("2", 10);
    stage.hear(Answer::Conflict, 2000);
    // It may have been our own renewal, whose answer was lost.
    assert!(stage.leads(2010));
    stage.hear(held_by(Some("theirs"), "3"), 2010);
    assert!(!stage.leads(2020));
}

#[test]
fn without_leases_it_works_alone_until_they_are_allowed() {
    for first in [&[Answer::Refused][..], &[Answer::Absent, Answer::Refused]] {
        let mut stage = stage();
        for (at, answer) in (0..).step_by(10).zip(first) {
            stage.hear(answer.clone(), at);
        }
        assert_eq!(stage.candidate.tenure(), Tenure::Alone);
        assert!(stage.candidate.is_decided());
        assert_eq!(stage.hear(Answer::Failed, 60_000), 60_500);
        assert_eq!(stage.candidate.tenure(), Tenure::Alone);
        stage.hear(held_by(Some("theirs"), "1"), 120_000);
        assert!(!stage.leads(120_010));
        // It isn't alone any more, whatever becomes of its rights, while the other may be there.
        for at in [122_000, 128_000] {
            stage.hear(Answer::Refused, at);
            assert!(!stage.leads(at + 10));
        }
        stage.hear(Answer::Refused, 134_010);
        assert_eq!(stage.candidate.tenure(), Tenure::Alone);
    }
}

#[test]
fn who_may_look_but_not_take_works_alone() {
    for holder in [None, Some("ours")] {
        let mut stage = stage();
        for at in [0, 2000, 10_000] {
            stage.hear(held_by(holder, "1"), at);
            stage.hear(Answer::Refused, at + 10);
            assert_eq!(stage.candidate.tenure(), Tenure::None);
        }
        stage.hear(held_by(holder, "1"), 12_010);
        assert_eq!(stage.hear(Answer::Refused, 12_020), 72_020);
        assert!(stage.candidate.is_decided() && stage.leads(50_000));
        // Looking whether it may by now doesn't interrupt it.
        stage.hear(held_by(holder, "1"), 72_020);
        assert!(stage.leads(72_030));
        stage.hear(Answer::Refused, 72_030);
        assert!(stage.leads(72_040));
        stage.hear(held_by(holder, "1"), 132_040);
        stage.done("2", 132_050);
        assert!(matches!(stage.candidate.tenure(), Tenure::Until(_)));
    }
}

#[test]
fn who_loses_its_rights_works_alone_in_the_end() {
    let mut stage = stage();
    stage.hear(held_by(None, "1"), 0);
    stage.done("2", 10);
    for at in [2000, 4000, 8010, 10_000, 13_000] {
        stage.hear(Answer::Refused, at);
        assert_ne!(stage.candidate.tenure(), Tenure::Alone);
    }
    stage.hear(Answer::Refused, 14_010);
    assert_eq!(stage.candidate.tenure(), Tenure::Alone);
}

#[test]
fn one_refusal_after_an_outage_is_not_believed() {
    for holder in ["ours", "theirs"] {
        let mut stage = stage();
        stage.hear(held_by(Some(holder), "1"), 0);
        for at in (2000..60_000).step_by(2000) {
            stage.hear(Answer::Failed, at);
        }
        stage.hear(Answer::Refused, 60_000);
        stage.hear(Answer::Failed, 62_000);
        stage.hear(Answer::Refused, 74_000);
        assert!(!stage.leads(74_010));
    }
}

#[test]
fn a_refusal_of_long_ago_does_not_make_another_believed() {
    let follower = || {
        let mut stage = stage();
        stage.hear(held_by(Some("theirs"), "1"), 0);
        stage.hear(Answer::Refused, 1000);
        stage
    };
    // The other goes on for an hour, and gives the Lease back.
    let mut stage = follower();
    for second in 2..3600 {
        let renewed = held_by(Some("theirs"), &second.to_string());
        stage.hear(renewed, second * 1000);
    }
    stage.hear(held_by(None, "3600"), 3_600_000);
    assert_eq!(stage.hear(Answer::Refused, 3_600_010), 3_602_010);
    assert!(!stage.leads(3_600_020));
    stage.hear(held_by(None, "3600"), 3_602_010);
    stage.done("3601", 3_602_020);
    assert!(matches!(stage.candidate.tenure(), Tenure::Until(_)));
    // Or it was stopped, and so was the follower, which saw nothing meanwhile.
    let mut stage = follower();
    stage.hear(held_by(Some("theirs"), "1"), 60_000);
    stage.hear(Answer::Refused, 60_010);
    assert!(!stage.leads(60_020));
}

#[test]
fn who_was_alone_forgets_refusals_once_another_holds_the_lease() {
    let mut stage = stage();
    stage.hear(Answer::Refused, 0);
    stage.hear(held_by(Some("theirs"), "1"), 2000);
    assert!(!stage.leads(2010));
    stage.hear(held_by(None, "2"), 13_000);
    stage.hear(Answer::Refused, 13_010);
    assert_eq!(stage.candidate.tenure(), Tenure::None);
}

#[test]
fn rights_that_come_after_the_first_contact_are_found_soon() {
    let alone = || {
        let mut stage = stage();
        assert_eq!(stage.hear(Answer::Refused, 0), 2000);
        stage
    };
    let mut stage = alone();
    for (at, next) in [
        (2000, 6000),
        (6000, 14_000),
        (14_000, 30_000),
        (30_000, 62_000),
        (62_000, 122_000),
        (122_000, 182_000),
    ] {
        assert_eq!(stage.hear(Answer::Refused, at), next);
        assert!(stage.candidate.tenure() == Tenure::Alone);
    }
    // Of two to whom they come, one makes the Lease, and the other sees it.
    let (mut first, mut second) = (alone(), alone());
    first.hear(Answer::Absent, 2000);
    first.done("1", 2010);
    assert!(matches!(first.candidate.tenure(), Tenure::Until(_)));
    second.hear(held_by(Some("theirs"), "1"), 2020);
    assert!(!second.leads(2030));
}

#[test]
fn who_held_a_lease_that_has_gone_may_still_write() {
    let mut stage = stage();
    stage.hear(held_by(Some("theirs"), "1"), 0);
    stage.hear(Answer::Absent, 1000);
    stage.hear(Answer::Refused, 2000);
    assert!(!stage.leads(2010));
}

#[test]
fn no_duration_keeps_everybody_from_writing() {
    let mut stage = stage();
    let Answer::Found(mut lease) = held_by(Some("theirs"), "1") else {
        panic!("no Lease");
    };
    let spec = lease.spec.as_mut().unwrap();
    spec.lease_duration_seconds = Some(i32::MAX);
    stage.hear(Answer::Found(lease.clone()), 0);
    stage.hear(Answer::Found(lease.clone()), 59_000);
    assert_eq!(stage.request(), Request::Look);
    stage.hear(Answer::Found(lease), 60_010);
    assert!(matches!(stage.request(), Request::Replace(_)));
}

#[test]
fn a_deleted_lease_is_made_again_by_its_holder_at_once_and_by_others_later() {
    let mut holder = stage();
    holder.hear(held_by(None, "1"), 0);
    holder.done("2", 10);
    holder.hear(Answer::Absent, 2000);
    holder.hear(Answer::Absent, 2010);
    assert!(matches!(holder.request(), Request::Create(_)) && holder.leads(2020));

    let mut follower = stage();
    follower.hear(held_by(Some("theirs"), "2"), 0);
    for at in [2000, 4000, 13_000] {
        follower.hear(Answer::Absent, at);
        assert_eq!(follower.request(), Request::Look);
    }
    follower.hear(Answer::Absent, 14_010);
    assert!(matches!(follower.request(), Request::Create(_)));
}

#[test]
fn only_its_holder_gives_it_back() {
    let mut stage = stage();
    assert_eq!(stage.candidate.release(Timestamp::UNIX_EPOCH), None);
    stage.hear(held_by(None, "1"), 0);
    assert_eq!(stage.candidate.release(Timestamp::UNIX_EPOCH), None);
    stage.done("2", 10);
    let released = stage.candidate.release(Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(released.metadata.resource_version.as_deref(), Some("2"));
    assert_eq!(released.spec.unwrap().holder_identity, None);
}
