//! Places where an extension keeps what it knows of an account, seen by nobody else.
use crate::account::Account;
use std::any::Any;
use std::marker::PhantomData;

/// The contents of all slots of one account, in the order in which they were asked for.
#[derive(Default)]
pub(crate) struct Slots {
    contents: Vec<Box<dyn Any + Send>>,
    /// Which of the rare things are there.
    pub(crate) rare: u32,
}

/// Where a rare thing stands, its bit, and whether it is there.
pub(crate) type IsThere = (usize, u32, fn(&(dyn Any + Send)) -> bool);

impl Slots {
    pub(crate) fn new(contents: Vec<Box<dyn Any + Send>>, rares: &[IsThere]) -> Slots {
        let is_there =
            |(index, _, is_there): &&IsThere| contents.get(*index).is_some_and(|content| is_there(&**content));
        let rare = rares.iter().filter(is_there).fold(0, |rare, (_, bit, _)| rare | bit);
        Slots { contents, rare }
    }
}

/// An extension's place for what few accounts have.
pub struct RareSlot<T> {
    slot: AccountSlot<Option<Box<T>>>,
    /// 0: one of more than there are bits, and so always looked at.
    bit: u32,
}

impl<T> Clone for RareSlot<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for RareSlot<T> {}

impl<T: 'static> RareSlot<T> {
    pub(crate) fn new(slot: AccountSlot<Option<Box<T>>>, number: usize) -> Self {
        let bit = u32::try_from(number).ok().and_then(|number| 1u32.checked_shl(number)).unwrap_or(0);
        RareSlot { slot, bit }
    }

    pub(crate) fn bit(self) -> u32 {
        self.bit
    }

    pub(crate) fn is_there(self) -> IsThere {
        let look = |content: &(dyn Any + Send)| content.downcast_ref::<Option<Box<T>>>().is_some_and(Option::is_some);
        (self.slot.index, self.bit, look)
    }
}

/// An extension's place in every awake account. Loaded when the account wakes; only the holder of this value can reach it.
pub struct AccountSlot<T> {
    index: usize,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for AccountSlot<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for AccountSlot<T> {}

impl<T> AccountSlot<T> {
    pub(crate) fn new(index: usize) -> Self {
        AccountSlot { index, kind: PhantomData }
    }
}

impl Account {
    /// What an extension keeps of this account. `None` only for a slot of another host's plan.
    pub fn slot<T: 'static>(&self, slot: AccountSlot<T>) -> Option<&T> {
        self.slots.contents.get(slot.index)?.downcast_ref()
    }

    /// The same, to change it.
    pub fn slot_mut<T: 'static>(&mut self, slot: AccountSlot<T>) -> Option<&mut T> {
        self.slots.contents.get_mut(slot.index)?.downcast_mut()
    }

    /// What an extension keeps of this account, if it is one of the few.
    pub fn rare<T: 'static>(&self, slot: RareSlot<T>) -> Option<&T> {
        if slot.bit != 0 && self.slots.rare & slot.bit == 0 {
            return None;
        }
        self.slot(slot.slot)?.as_deref()
    }

    /// The same, to change it.
    pub fn rare_mut<T: 'static>(&mut self, slot: RareSlot<T>) -> Option<&mut T> {
        self.slot_mut(slot.slot)?.as_deref_mut()
    }

    /// Makes it one of the few, or of the many.
    pub fn set_rare<T: 'static>(&mut self, slot: RareSlot<T>, content: Option<Box<T>>) {
        if content.is_some() {
            self.slots.rare |= slot.bit;
        } else {
            self.slots.rare &= !slot.bit;
        }
        if let Some(place) = self.slot_mut(slot.slot) {
            *place = content;
        }
    }
}
