"""Snapshot locks: LockSnapshot, UnlockSnapshot, DescribeLockedSnapshots, and deletion refused while locked.

moto has none of them. AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LockSnapshot.html and
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshot-lock.html. AWS documents the rules but not the code of a
refusal; OperationNotPermitted stands for it here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from ..amendments import Amendments
from ..ec2_requests import refuse
from .ec2_snapshots import owned_snapshot

amendments = Amendments()
apply = amendments.apply

COOL_OFF_HOURS = range(1, 73)
LOCK_DAYS = range(1, 36501)

amendments.attribute(Snapshot, "lock", None)


@dataclass
class Lock:
    mode: str
    created_on: datetime
    duration_starts: datetime
    expires_on: datetime
    cool_off_hours: int | None

    @property
    def cool_off_expires_on(self) -> datetime | None:
        return self.created_on + timedelta(hours=self.cool_off_hours) if self.cool_off_hours else None

    @property
    def state(self) -> str:
        now, cool_off = utcnow(), self.cool_off_expires_on
        if now >= self.expires_on:
            return "expired"
        return "compliance-cooloff" if self.mode == "compliance" and cool_off and now < cool_off else self.mode

    def described(self) -> dict[str, Any]:
        return {
            "LockState": self.state,
            "LockDuration": max(1, round((self.expires_on - self.duration_starts) / timedelta(days=1))),
            "CoolOffPeriod": self.cool_off_hours,
            "CoolOffPeriodExpiresOn": self.cool_off_expires_on,
            "LockCreatedOn": self.created_on,
            "LockExpiresOn": self.expires_on,
            "LockDurationStartTime": self.duration_starts,
        }


@amendments.add(ElasticBlockStore)
def lock_snapshot(self: ElasticBlockStore) -> ActionResult:
    snapshot = owned_snapshot(self.ec2_backend, self._get_param("SnapshotId"))
    mode, cool_off = self._get_param("LockMode"), self._get_int_param("CoolOffPeriod")
    days, date = self._get_int_param("LockDuration"), self._get_param("ExpirationDate")
    if mode not in ("governance", "compliance"):
        raise refuse("InvalidParameterValue", f"Value ({mode}) for parameter lockMode is invalid.")
    if (days is None) == (date is None):
        raise refuse("InvalidParameterCombination", "Specify either LockDuration or ExpirationDate.")
    if days is not None and days not in LOCK_DAYS:
        raise refuse("InvalidParameterValue", f"Value ({days}) for parameter lockDuration is invalid.")
    if cool_off is not None and (mode == "governance" or cool_off not in COOL_OFF_HOURS):
        raise refuse("InvalidParameterValue", f"Value ({cool_off}) for parameter coolOffPeriod is invalid.")
    # A lock on a pending snapshot runs from its completion.
    starts = max(utcnow(), snapshot.completes_at)
    expires = starts + timedelta(days=days) if days is not None else date.replace(tzinfo=None)
    known: Lock | None = snapshot.lock
    if known and known.state == "compliance":
        if mode != "compliance" or cool_off is not None or expires < known.expires_on:
            raise refuse("OperationNotPermitted", f"{snapshot.id} is locked in compliance mode: its lock can only be extended.")
        snapshot.lock = Lock(mode, known.created_on, known.duration_starts, expires, known.cool_off_hours)
    else:
        snapshot.lock = Lock(mode, utcnow(), starts, expires, cool_off)
    return ActionResult({"SnapshotId": snapshot.id, **snapshot.lock.described()})


@amendments.add(ElasticBlockStore)
def unlock_snapshot(self: ElasticBlockStore) -> ActionResult:
    snapshot = owned_snapshot(self.ec2_backend, self._get_param("SnapshotId"))
    if snapshot.lock is None or snapshot.lock.state == "expired":
        raise refuse("InvalidParameterValue", f"The snapshot {snapshot.id} is not locked.")
    if snapshot.lock.state == "compliance":
        raise refuse("OperationNotPermitted", f"{snapshot.id} is locked in compliance mode and its cooling-off period is over.")
    snapshot.lock = None
    return ActionResult({"SnapshotId": snapshot.id})


@amendments.add(ElasticBlockStore)
def describe_locked_snapshots(self: ElasticBlockStore) -> ActionResult:
    wanted, states = self._get_param("SnapshotIds", []), self._filters_from_querystring().get("lock-state")
    locked = [snapshot for snapshot in self.ec2_backend.snapshots.values() if snapshot.lock]
    described = [
        {"OwnerId": snapshot.owner_id, "SnapshotId": snapshot.id, **snapshot.lock.described()}
        for snapshot in locked
        if (not wanted or snapshot.id in wanted) and (not states or snapshot.lock.state in states)
    ]
    return ActionResult({"Snapshots": described})


@amendments.method(ElasticBlockStore, "delete_snapshot")
def delete_snapshot(original: Any, self: ElasticBlockStore) -> Any:
    snapshot = owned_snapshot(self.ec2_backend, self._get_param("SnapshotId"))
    if snapshot.lock and snapshot.lock.state != "expired":
        raise refuse("OperationNotPermitted", f"The snapshot {snapshot.id} is locked and cannot be deleted.")
    return original(self)
