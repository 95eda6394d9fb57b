"""OpenStack Swift with its S3 API, whole in one process and in memory: every signature is checked.

usage: s3-server.py FOLDER SECRET_KEY BUCKET...

FOLDER holds its databases. Once it listens, with buckets made that all may read, it prints its port. Access keys are
test:writer, and test:reader, who may not write. It ends with its stdin.
"""
import os
import sys

import eventlet

eventlet.monkey_patch()

from eventlet import wsgi
from swift.common import swob, utils, wsgi as swift_wsgi
from swift.common.ring import RingBuilder
from swift.common.storage_policy import reload_storage_policies

BACKEND = """
[DEFAULT]
devices = {folder}
swift_dir = {folder}
mount_check = false
log_level = CRITICAL
[app:main]
use = egg:swift#{app}
"""

PROXY = """
[DEFAULT]
swift_dir = {folder}
log_level = CRITICAL
[pipeline:main]
pipeline = catch_errors gatekeeper s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
recheck_account_existence = 0
recheck_container_existence = 0
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_writer = {secret} .admin
user_test_reader = {secret}
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
rate_limit_under_size = 0
"""


class Quiet:
    """A log that nobody reads."""

    def write(self, text):
        pass


class NoCache:
    """What is asked of memcached, which remembers nothing here."""

    def get(self, key, **options):
        return None

    def set(self, key, value, **options):
        pass

    def delete(self, key, **options):
        pass


def serve(folder, name, text, sock):
    path = os.path.join(folder, name + ".conf")
    with open(path, "w") as file:
        file.write(text)
    loaded = swift_wsgi.loadapp(path)

    def app(environ, start_response):
        environ["swift.cache"] = NoCache()
        return loaded(environ, start_response)

    eventlet.spawn(
        wsgi.server, sock, app, Quiet(), log_output=False, protocol=swift_wsgi.SwiftHttpProtocol, keepalive=True
    )
    return app


def main(folder, secret, buckets):
    os.environ["TZ"] = "UTC+0"
    os.makedirs(os.path.join(folder, "disk"), exist_ok=True)
    with open(os.path.join(folder, "swift.conf"), "w") as file:
        file.write("[swift-hash]\nswift_hash_path_suffix = test\n")
    utils.SWIFT_CONF_FILE = os.path.join(folder, "swift.conf")
    utils.validate_hash_conf()
    reload_storage_policies()

    for kind, app in [("account", "account"), ("container", "container"), ("object", "mem_object")]:
        sock = eventlet.listen(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        ring = RingBuilder(1, 1, 0)
        ring.add_dev(
            {"id": 0, "region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": port, "device": "disk"}
        )
        ring.rebalance()
        ring.get_ring().save(os.path.join(folder, kind + ".ring.gz"))
        serve(folder, kind, BACKEND.format(folder=folder, app=app), sock)

    sock = eventlet.listen(("127.0.0.1", 0))
    app = serve(folder, "proxy", PROXY.format(folder=folder, secret=secret), sock)
    for bucket in buckets:
        for container in [bucket, bucket + "+segments"]:
            request = swob.Request.blank(
                "/v1/AUTH_test/" + container,
                environ={"REQUEST_METHOD": "PUT", "swift.authorize_override": True, "swift_owner": True},
                headers={"X-Container-Read": ".r:*"},
            )
            status = request.get_response(app).status
            if not status.startswith("2"):
                sys.exit(container + ": " + status)
    print(sock.getsockname()[1], flush=True)
    # Its stdin ends with whoever started it.
    eventlet.tpool.execute(sys.stdin.read)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
