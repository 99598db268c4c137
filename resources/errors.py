"""The errors meant for users: each says what is wrong, where, by which rule, and how to mend it. Nothing else."""


class ZhoubaoError(Exception):
    """Any error whose message is written for the person who runs the platform."""


class InputError(ZhoubaoError):
    """Something delivered (a file, a row, a reference table) breaks a rule of the landing zone."""


class NotReadyError(ZhoubaoError):
    """What was asked for needs a partition that is not built, or was refused by a gate."""


class SettingsError(ZhoubaoError):
    """A setting is unknown, out of range, or asks for what the data cannot give."""


class LakeError(ZhoubaoError):
    """The lake cannot be opened, read or written, or holds what its manifests do not say."""
