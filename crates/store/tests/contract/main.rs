//! What every engine promises, and what SQLite promises besides.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod bed;
mod blobs;
#[cfg(feature = "sqlite")]
mod damage;
mod epochs;
mod faults;
#[cfg(feature = "sqlite")]
mod rates;
mod shapes;
#[cfg(feature = "sqlite")]
mod sqlite;
mod writes;

/// Makes one test of each promise for each engine.
macro_rules! contract {
    ($($module:ident { $($promise:ident)* })*) => {
        mod memory {
            $(mod $module { $(
                #[test]
                fn $promise() {
                    crate::$module::$promise(&crate::bed::Bed::memory());
                }
            )* })*
        }

        #[cfg(feature = "sqlite")]
        mod on_sqlite {
            $(mod $module { $(
                #[test]
                fn $promise() {
                    crate::$module::$promise(&crate::bed::Bed::sqlite());
                }
            )* })*
        }
    };
}

contract! {
    shapes {
        a_value_is_put_replaced_and_deleted
        a_map_keeps_its_keys_apart
        names_and_owners_are_apart
        a_log_is_read_trimmed_and_ends
        an_archive_pages_and_marks
        delivered_rows_stay_or_go
        only_what_waits_between_two_ids_is_struck_out
        long_answers_come_in_parts
        owners_come_in_pages
        erase_takes_everything_of_one_owner
    }
    blobs {
        a_blob_is_written_read_in_parts_and_removed
        a_blob_has_the_announced_length_or_is_not_there
        one_key_is_written_once
        keys_are_letters_and_digits
        keys_come_in_pages_and_names_are_apart
        a_disk_that_refuses_leaves_nothing
    }
    writes {
        a_batch_is_kept_whole_or_not_at_all
        an_id_is_taken_once
        an_id_that_the_batch_freed_may_be_used_again
        ids_out_of_range_are_refused
        one_of_many_creates_the_account
        expectations_look_before_the_batch
        writes_keep_the_order_of_submission
        a_read_after_the_ticket_sees_the_write
        many_threads_lose_nothing
        tickets_tell_everybody
        a_callback_that_panics_harms_nobody
        a_batch_can_be_too_big
        close_flushes_and_refuses
    }
    epochs {
        a_home_claims_before_it_writes
        an_older_epoch_is_refused
        a_lease_names_a_minimum
        a_claim_outdates_what_waits
        a_released_home_is_forgotten_after_its_last_write
    }
    faults {
        held_commits_are_neither_seen_nor_done
        a_lost_write_fences_its_home
        a_fence_reaches_what_waits_already
        too_much_waiting_is_refused_and_fences
        refused_reads_fail
    }
}
