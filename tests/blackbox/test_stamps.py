"""Who made an object and changed it last: the same at every level, kept over restarts; and values that become secure."""
import json

from harness import expect, wait_equal, wait_until

# The tests that run again with endpoints that are followed by their public API.
FOLLOWED_TOO = ("mission",)
STAMPS = ("CreatedAt", "CreatedBy", "LastModifiedAt", "LastModifiedBy")
NOBODY = {"CreatedAt": "0001-01-01T00:00:00Z", "CreatedBy": "", "LastModifiedAt": "0001-01-01T00:00:00Z", "LastModifiedBy": ""}


def stamps(shown):
    return {name: shown[name] for name in STAMPS}


def test_every_level_shows_the_owners_stamps(mission):
    leaf, top = mission["A"], mission["M1"]
    leaf.create("users", {"Name": "stamper", "Roles": ["superuser"]})
    made = leaf.create("machines", {"Name": "stamped"})
    wait_equal(leaf, mission["R1"], top)
    changed = top.patch(f"machines/{made['Uuid']}", ("add", "/Description", "from above"))
    assert stamps(made)["CreatedBy"] == "rocketskates"
    assert (changed["CreatedAt"], changed["CreatedBy"]) == (made["CreatedAt"], made["CreatedBy"])
    assert changed["LastModifiedAt"] > made["LastModifiedAt"]
    assert changed["LastModifiedBy"], "a user of the manager changed it"
    assert stamps(leaf.get(f"machines/{made['Uuid']}")) == stamps(changed), "the owner decides"
    wait_equal(leaf, mission["R1"], top)
    for query in ("CreatedBy=rocketskates", f"LastModifiedAt=Gte({changed['LastModifiedAt']})"):
        found = [row["Name"] for row in top.objects("machines", f"?{query}&Endpoint=A")]
        assert "stamped" in found, query
    newest = top.objects("machines", "?Endpoint=A&sort=LastModifiedAt&reverse=true&limit=1")
    assert [row["Name"] for row in newest] == ["stamped"]
    assert stamps(leaf.get("stages/none")) == NOBODY, "packs have no times of their own"


def test_stamps_survive_a_restart_and_stay_out_of_exports(site):
    server = site.server("A")
    server.start()
    made = server.create("profiles", {"Name": "stamped"})
    server.stop()
    server.start()
    assert server.get("profiles/stamped") == made
    exported = server.get("contents/BackingStore")["sections"]["profiles"]["stamped"]
    assert not set(STAMPS) & set(exported)


def pack(secure):
    return {"meta": {"Name": "sealing", "Version": "v1.0.0"},
            "sections": {"params": {"sealing/test": {"Name": "sealing/test", "Secure": secure, "Schema": {"type": "string"}}}}}


def test_a_param_that_becomes_secure_seals_the_packs_that_are_loaded(site):
    server = site.server("A")
    server.start()
    expect(201, server.call("POST", "contents", pack(False)))
    holder = {"meta": {"Name": "holding", "Version": "v1.0.0"}, "sections": {"profiles": {
        "packed": {"Name": "packed", "Params": {"sealing/test": "clear text"}}}}}
    expect(201, server.call("POST", "contents", holder))
    assert server.get("profiles/packed/params/sealing/test") == "clear text"
    expect(200, server.call("PUT", "contents/sealing", pack(True)))

    server.create("roles", {"Name": "looker", "Claims": [{"scope": "contents,profiles", "action": "get,list", "specific": "*"}]})
    server.create("users", {"Name": "looker", "Roles": ["looker"]})
    expect(200, server.call("PUT", "users/looker/password", {"Password": "pw"}))

    def all_is_sealed():
        shown = [expect(200, server.call("GET", path, auth=("looker", "pw"))).json() for path in (
            "profiles/packed", "contents/holding", "profiles?sort=Name")]
        return "clear text" not in json.dumps(shown) and set(shown[0]["Params"]["sealing/test"]) == {"Key", "Nonce", "Payload"}

    assert all_is_sealed()
    assert server.get("profiles/packed/params/sealing/test?decode=true") == "clear text"
    server.stop()
    server.start()
    wait_until("it is still sealed", all_is_sealed)
    assert server.get("profiles/packed/params/sealing/test?decode=true") == "clear text"


def test_a_param_of_a_pack_that_becomes_secure_seals_what_is_stored(site):
    server = site.server("A")
    server.start()
    expect(201, server.call("POST", "contents", pack(False)))
    server.create("profiles", {"Name": "holder", "Params": {"sealing/test": "clear text"}})
    expect(200, server.call("PUT", "contents/sealing", pack(True)))
    assert set(server.get("profiles/holder/params/sealing/test")) == {"Key", "Nonce", "Payload"}
    assert server.get("profiles/holder/params/sealing/test?decode=true") == "clear text"
    server.stop()
    server.start()
    wait_until("it is still sealed", lambda: set(server.get("profiles/holder")["Params"]["sealing/test"]) == {"Key", "Nonce", "Payload"})
