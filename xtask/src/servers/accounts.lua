-- Writes accounts as Prosody's internal storage keeps them, since `prosodyctl adduser` takes a second for each.
-- Arguments: the folder of its programs, the data folder, a file with lines of user, host and password between tabs,
-- the hash that its SCRAM uses.
-- A password that comes again is not stretched again.
local programs, data, list, hash = ...
package.path = programs .. "/?.lua;" .. package.path
package.cpath = programs .. "/?.so;" .. package.cpath
require "util.sasl"  -- has the mechanisms register their hashes
local scram = require "util.sasl.scram"
local hex = require "util.encodings".hex or require "util.hex"
local store = require "util.datamanager"
local uuid = require "util.uuid"
store.set_data_path(data)
local known = {}
for line in io.lines(list) do
  local user, host, password = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
  local record = known[password]
  if not record then
    local salt, rounds = uuid.generate(), 10000
    local ok, stored, server = scram.hashers[hash](password, salt, rounds)
    assert(ok, stored)
    local to_hex = hex.to or hex.encode
    record = { stored_key = to_hex(stored), server_key = to_hex(server), salt = salt, iteration_count = rounds }
    known[password] = record
  end
  assert(store.store(user, host, "accounts", record))
end
