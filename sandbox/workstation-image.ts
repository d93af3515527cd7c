/**
 * The forensic workstation's machine image, as the sandbox has it: an AMI whose software is the analysis
 * environment that the set-up made from the same lock that the real image is built from.
 */
import { join } from 'node:path'
import { DescribeImagesCommand, RegisterImageCommand } from '@aws-sdk/client-ec2'
import { bind, named, sandboxAws } from './scenarios/aws.ts'
import { hashOfFiles, PYTHON_LOCKS } from './toolchain/paths.mjs'

export interface WorkstationImageRequest {
  endpoint: string
  region: string
  /** Base URL of the emulator's control API. */
  control: string
  /** Directory whose `bin/python3` has the analysis tools. */
  analysisVenv: string
}

/** Registers the image, or finds it, and says what software machines started from it have. Answers its id. */
export async function registerWorkstationImage ({ endpoint, region, control, analysisVenv }: WorkstationImageRequest): Promise<string> {
  const { ec2 } = sandboxAws(endpoint, region)
  const name = `cleanroom-workstation-${hashOfFiles(PYTHON_LOCKS.analysis)}`
  const known = await ec2.send(new DescribeImagesCommand({ Filters: [{ Name: 'name', Values: [name] }] }))
  const imageId = known.Images?.[0]?.ImageId ?? (await ec2.send(new RegisterImageCommand({
    Name: name,
    Description: 'Forensic workstation: analysis tools, no way out',
    Architecture: 'x86_64',
    VirtualizationType: 'hvm',
    EnaSupport: true,
    RootDeviceName: '/dev/xvda',
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 8, DeleteOnTermination: true } }],
    TagSpecifications: named('image', name, { 'cleanroom:managed': 'true', 'cleanroom:purpose': 'workstation' })
  }))).ImageId!
  await bind(control, `machine-images/${imageId}`, { path: [join(analysisVenv, 'bin')], env: {}, ssmAgent: 'online' })
  return imageId
}
