//! We accept nothing that a strict parser refuses, and what we forward means to it what it meant to us.

use crate::generate::{Choices, damage, stream};
use crate::judge::{agree, is_forwarded, read_in_pieces, same_events, strictness};
use crate::streams::{only_elements, read};
use proptest::collection::vec;
use proptest::prelude::*;
use xml::Strictness;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn well_formed_streams_are_read_alike(choices in vec(any::<u8>(), 0..300)) {
        let (header, stanzas) = stream(&mut Choices(&choices), false);
        let input = format!("{header}{}", stanzas.concat());
        prop_assert_eq!(agree(input.as_bytes(), false), stanzas.len(), "{}", input);
    }

    #[test]
    fn damaged_streams_are_read_alike(choices in vec(any::<u8>(), 0..200), harm in vec(any::<u8>(), 0..20)) {
        let (header, stanzas) = stream(&mut Choices(&choices), false);
        let mut input = format!("{header}{}", stanzas.concat()).into_bytes();
        damage(&mut Choices(&harm), &mut input);
        agree(&input, false);
    }

    #[test]
    fn any_split_gives_the_same_events(
        choices in vec(any::<u8>(), 0..200), harm in vec(any::<u8>(), 0..12), splits in vec(any::<u8>(), 0..400), lenient: bool,
    ) {
        let (header, stanzas) = stream(&mut Choices(&choices), lenient);
        let mut input = format!("{header}{}</stream:stream>", stanzas.join(" ")).into_bytes();
        damage(&mut Choices(&harm), &mut input);
        let whole = read(&input, input.len().max(1), strictness(lenient));
        let pieces = read_in_pieces(Choices(&splits), &input, lenient);
        prop_assert!(same_events(&whole.0, &pieces.0), "{:?}\n{:?}", whole, pieces);
        prop_assert_eq!(whole.1, pieces.1);
    }

    #[test]
    fn comments_change_nothing_else(choices in vec(any::<u8>(), 0..300)) {
        let (header, stanzas) = stream(&mut Choices(&choices), true);
        let input = format!("{header}{}", stanzas.concat());
        let own = only_elements(read(input.as_bytes(), input.len(), Strictness::Lenient).0);
        prop_assert_eq!(own.len(), stanzas.len(), "{}", &input);
        own.iter().for_each(is_forwarded);
        let no_instructions = input.replace("<?pi?>", "<!-- -->").replace("<?p a?b?>", "<!-- -->");
        prop_assert_eq!(agree(no_instructions.as_bytes(), true), stanzas.len());
    }
}
