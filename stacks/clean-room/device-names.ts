/**
 * The names of disks in a room.
 *
 * EC2 User Guide, "Device names for volumes": /dev/sdf to /dev/sdp are recommended for data volumes,
 * the letters after them are available too. The last is the scratch volume's.
 */
export const COPY_DEVICES = [...'fghijklmnopqrstuvwxy'].map(letter => `/dev/sd${letter}`)
export const SCRATCH_DEVICE = '/dev/sdz'
