"""Every check, in the order in which they are made."""

from collections.abc import Iterator

from fortifai.conformance import answers, data, errors, likelihood, objectives, randomness, sampling, state, storage, weights
from fortifai.conformance.check import Check
from fortifai.contract.declaration import ModalityDeclaration

CHECKS: tuple[Check, ...] = (
    data.real_data_is_well_formed,
    data.loads_the_same_twice,
    data.loads_the_same_in_a_fresh_process,
    data.opens_no_connection,
    data.splits_are_disjoint,
    answers.fit_returns_what_it_should,
    answers.samples_are_like_the_real_data,
    answers.likelihood_is_of_every_element,
    answers.likelihood_does_not_depend_on_the_others,
    answers.what_is_given_is_left_as_it_was,
    randomness.same_stream_gives_the_same_numbers,
    randomness.different_streams_give_different_samples,
    randomness.other_calls_change_no_samples,
    randomness.global_generators_are_not_used,
    randomness.numbers_are_the_same_in_a_fresh_process,
    state.no_state_between_chains,
    state.calls_leave_the_adapter_as_it_was,
    storage.a_model_is_loaded_as_it_was_saved,
    storage.a_model_is_loaded_in_a_fresh_process,
    storage.models_are_saved_without_pickle,
    storage.model_bytes_are_about_right,
    likelihood.real_data_is_likelier_than_disturbed,
    likelihood.likelihood_is_normalised,
    likelihood.confidence_rises_with_likelihood,
    likelihood.confidence_keeps_its_scale,
    objectives.truncating_nothing_is_cross_entropy,
    objectives.a_strong_objective_changes_the_fit,
    objectives.truncation_makes_less_sure,
    objectives.masked_share_is_what_was_left_out,
    objectives.every_unit_is_weighed,
    objectives.the_relative_scale_is_used,
    weights.weights_of_samples_count,
    weights.doubled_weights_are_doubled_rows,
    sampling.temperature_1_is_as_fitted,
    sampling.a_lower_temperature_is_sharper,
    sampling.beats_the_null,
    errors.an_unknown_key_is_refused,
    errors.a_wrong_name_is_a_user_error,
    errors.sizes_that_cannot_be_trained_are_refused,
    errors.an_absent_device_is_refused,
    errors.a_missing_requirement_is_named,
    errors.configuration_is_quick_to_import,
)


def checks_of(declaration: ModalityDeclaration) -> Iterator[Check]:
    """Yield the checks that are made of an adapter, by what its declaration says.

    Args:
        declaration: The adapter's.
    """
    return (check for check in CHECKS if check.applies(declaration))
