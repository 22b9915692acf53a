"""What is known about a vehicle: the context that makes a cheap model enough (S2, context scoring)."""

from .envelope import Count, Event, Id


class VehicleProfiled(Event, tag="vehicle.profiled", kw_only=True, frozen=True, omit_defaults=True):
    """The newest profile of a vehicle replaces the older; a null value in the topic deletes it."""

    vehicle_id: Id
    has_spid: bool = False
    has_factory_manual: bool = False
    receipt_count: Count = 0
    timeline_event_count: Count = 0
    user_tag_count: Count = 0
    reference_doc_count: Count = 0
    previously_analyzed: bool = False
    well_documented: bool = False
