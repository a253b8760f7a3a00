//! Members, lanes and deaths, seen from the inside.

use super::*;

/// Three members; homes are where their name's first digit says.
fn three(seed: u64) -> (Faulty, Vec<(Cluster, Inbox)>) {
    Faulty::new(3, seed, |home| home.bytes().next().map_or(0, |digit| usize::from(digit - b'0')))
}

fn carry_all(faulty: &Faulty) {
    while !faulty.0.lock().lanes.is_empty() {
        faulty.0.lock().deliver_one();
    }
}

fn frames(inbox: &mut Inbox) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| inbox.try_next())
        .filter_map(|arrival| match arrival {
            Arrival::Frame(frame) => Some(frame.bytes),
            Arrival::Gone(_) => None,
        })
        .collect()
}

#[test]
fn homes_are_where_the_rule_says_until_their_member_dies() {
    let (faulty, members) = three(1);
    let places = || members.iter().map(|(cluster, _)| cluster.place("1romeo")).collect::<Vec<_>>();
    let there = |number| Placement::There(Member(number));
    assert_eq!(places(), [there(1), Placement::Here, there(1)]);
    faulty.kill(Member(1));
    assert_eq!(places(), [there(2), Placement::Here, Placement::Here], "the dead one does not know it");
    let may_claim = members.iter().map(|(cluster, _)| cluster.may_claim("1romeo"));
    assert_eq!(may_claim.collect::<Vec<_>>(), [false, false, true], "but gets nothing new");
}

#[test]
fn one_lane_keeps_its_order_and_lanes_overtake_each_other() {
    for seed in 0..20 {
        let (faulty, mut members) = three(seed);
        for number in 0..50 {
            for lane in ["a", "b"] {
                let frame = vec![lane.as_bytes()[0], number];
                members[0].0.carry(Member(1), lane, frame, Weight::New).unwrap();
            }
        }
        carry_all(&faulty);
        let arrived = frames(&mut members[1].1);
        for lane in [b'a', b'b'] {
            let numbers: Vec<u8> = arrived.iter().filter(|it| it[0] == lane).map(|it| it[1]).collect();
            assert_eq!(numbers, (0..50).collect::<Vec<_>>());
        }
        assert!(faulty.counts().overtook > 0, "seed {seed}: {faulty:?}");
    }
}

#[test]
fn what_is_on_its_way_to_or_from_the_dead_is_lost_and_others_are_told() {
    for seed in 0..20 {
        let (faulty, mut members) = three(seed);
        for number in 0..100 {
            members[1].0.carry(Member(0), "x", vec![number], Weight::New).unwrap();
            members[0].0.carry(Member(1), "x", vec![number], Weight::New).unwrap();
            members[2].0.carry(Member(0), "y", vec![number], Weight::New).unwrap();
        }
        faulty.kill(Member(1));
        assert_eq!(members[0].0.carry(Member(1), "x", vec![1], Weight::New), Err(CarryError::Gone(Member(1))));
        assert_eq!(members[1].0.carry(Member(0), "x", vec![101], Weight::New), Ok(()), "it does not know it");
        carry_all(&faulty);
        let arrivals: Vec<Arrival> = std::iter::from_fn(|| members[0].1.try_next()).collect();
        let end = arrivals.iter().position(|it| *it == Arrival::Gone(Member(1))).unwrap();
        let of_the_dead = |it: &Arrival| matches!(it, Arrival::Frame(frame) if frame.from == Member(1));
        let before = arrivals[..end].iter().filter(|it| of_the_dead(it)).count();
        assert!(before < 100 && !arrivals[end..].iter().any(of_the_dead), "{before}");
        assert_eq!(arrivals.len() - before - 1, 100, "the living lose nothing");
        assert!(frames(&mut members[1].1).is_empty());
    }
}

#[test]
fn what_is_on_its_way_counts_against_the_bound() {
    let (faulty, members) = three(1);
    let half = || vec![0; INBOX_BYTES / 2];
    members[0].0.carry(Member(1), "x", half(), Weight::New).unwrap();
    let full = Err(CarryError::Full(Member(1)));
    assert_eq!(members[2].0.carry(Member(1), "x", half(), Weight::New), full);
    assert_eq!(members[2].0.carry(Member(1), "x", half(), Weight::Answer), Ok(()));
    carry_all(&faulty);
    assert_eq!(members[2].0.carry(Member(1), "x", half(), Weight::New), full, "nobody has read it");
}
