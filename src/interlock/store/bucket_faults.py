"""What an object store says, in our words."""

from __future__ import annotations

from interlock.errors import InterlockError

_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")
_NO_CREDENTIALS = (
    "169.254.169.254",
    "metadata.google.internal",
    "MissingAccount",
    "token request",
    "Account must be",
)
_DENIED = ("AccessDenied", "403 Forbidden", "401 Unauthorized", "SignatureDoesNotMatch", "InvalidAccessKeyId")
_UNREACHABLE = ("kind: Connect", "kind: Timeout", "error sending request", "timed out")
_NOBODY = ("Connection refused", "dns error")
_BROKEN_OFF = (
    "HTTP error",
    "request or response body",
    "decoding response",
    "kind: Request",
    "kind: Interrupted",
    "Got invalid",
)


class BucketFailed(InterlockError):
    """An object store did not do what it was asked for."""

    def __init__(self, name: str, error: Exception | str) -> None:
        super().__init__(self.sentence(first_line(error)), where=name, hint=self.way_out)

    way_out = "Run again: what was stored is kept."

    @staticmethod
    def sentence(said: str) -> str:
        """Return what went wrong, given the first line of what was said."""
        return f"The object store did not answer as it should: {said}"


class NoSuchBucket(BucketFailed):
    """The bucket is not there."""

    way_out = "Make the bucket, or correct its name."

    @staticmethod
    def sentence(said: str) -> str:  # noqa: ARG004 - the name of the place tells it all
        """Return what went wrong."""
        return "There is no such bucket."


class NoCredentials(BucketFailed):
    """Nothing says who asks."""

    way_out = (
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (gs://: GOOGLE_SERVICE_ACCOUNT; "
        "az://: AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY), or use the role of the machine."
    )

    @staticmethod
    def sentence(said: str) -> str:  # noqa: ARG004 - it is about the last place where they were sought
        """Return what went wrong."""
        return "There are no credentials for the bucket: neither in the environment nor from the machine."


class BucketDenied(BucketFailed):
    """The credentials may not do this, or are wrong."""

    way_out = "Check the credentials, and that they may read, write, list and delete below this place."

    @staticmethod
    def sentence(said: str) -> str:
        """Return what went wrong."""
        return f"The object store refuses: {said}"


class BucketUnreachable(BucketFailed):
    """Nobody answers at the address."""

    way_out = "Check the network and the address (AWS_ENDPOINT_URL, AWS_REGION); then run again."

    @staticmethod
    def sentence(said: str) -> str:
        """Return what went wrong."""
        return f"The object store cannot be reached: {said}"


def told(name: str, error: Exception) -> BucketFailed:
    """Return the error of ours for what the client of an object store raised."""
    text = f"{type(error).__name__} {error}"
    kinds: tuple[tuple[type[BucketFailed], tuple[str, ...]], ...] = (
        (NoSuchBucket, _NO_BUCKET),
        (NoCredentials, (*_NO_CREDENTIALS, "UnauthenticatedError")),
        (BucketDenied, (*_DENIED, "PermissionDeniedError")),
        (BucketUnreachable, _UNREACHABLE),
    )
    for kind, signs in kinds:
        if any(sign in text for sign in signs):
            return kind(name, error)
    return BucketFailed(name, error)


def is_passing(error: Exception) -> bool:
    """Tell whether an error is one of the way, so that asking again may help."""
    text = str(error)
    return any(sign in text for sign in _BROKEN_OFF) and not any(sign in text for sign in _NOBODY)


def first_line(error: Exception | str) -> str:
    """Return the first line of what was said, without the address that stands elsewhere."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
