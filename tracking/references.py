"""Whom the reference intakes are for that labels use: adults, and neither pregnant nor breastfeeding ones."""

import datetime as dt

from dietintel.accounts.models import User
from tracking.energy import ADULT, age_on
from tracking.models import Profile


def are_for(user: User, day: dt.date) -> bool:
    """Whether this person's day may be compared with them. An age that nobody told is an adult's."""
    profile = Profile.objects.filter(user=user).first()
    if profile is None:
        return True
    young = profile.birth_date is not None and age_on(profile.birth_date, day) < ADULT
    return not young and not profile.pregnant_or_breastfeeding
